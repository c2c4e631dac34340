package suite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Run is the suite against one cluster.
type Run struct {
	// Ginkgo, Binary and Kubectl are the paths of programs.
	Ginkgo, Binary, Kubectl string
	Kubeconfig              string
	// Host is the URL of the API server.
	Host  string
	Nodes int
	// Processes that run parallel tests.
	Processes int
	// Dir gets reports and logs.
	Dir string
	// Progress gets a line per failed test, and what ginkgo says.
	Progress io.Writer
	// Failed is told the namespace of each test that failed, once the test is over.
	Failed func(namespace string)
}

// Phase is one call of ginkgo.
type Phase struct {
	Name      string
	Processes int
	// Focus and Skip are regular expressions.
	Focus, Skip string
	Timeout     time.Duration
}

// Whole are the phases of the certification: what may run in parallel, then the rest.
func (r *Run) Whole() []Phase {
	return []Phase{
		{Name: "parallel", Processes: r.Processes, Focus: `\[Conformance\]`, Skip: `\[Serial\]|\[Disruptive\]`, Timeout: 2 * time.Hour},
		{Name: "serial", Processes: 1, Focus: `\[Serial\].*\[Conformance\]`, Timeout: 2 * time.Hour},
	}
}

// Part are the phases for some tests only.
func (r *Run) Part(name string, tests Table) []Phase {
	var phases []Phase
	for _, serial := range []bool{false, true} {
		some := tests.Where(func(test Test) bool { return test.Serial == serial })
		if len(some) == 0 {
			continue
		}
		phase := Phase{Name: name + "-parallel", Processes: min(r.Processes, len(some)), Focus: focus(some), Timeout: 2 * time.Hour}
		if serial {
			phase.Name, phase.Processes = name+"-serial", 1
		}
		phases = append(phases, phase)
	}
	return phases
}

// focus matches exactly the names of some tests.
func focus(tests Table) string {
	var names []string
	for _, test := range tests {
		names = append(names, regexp.QuoteMeta(test.Name))
	}
	return "(" + strings.Join(names, "|") + ")$"
}

// Do runs a phase and returns what came of its tests. A failed test is no error.
func (r *Run) Do(ctx context.Context, phase Phase) ([]Result, error) {
	report := phase.Name + ".json"
	args := []string{
		"--procs=" + strconv.Itoa(phase.Processes), "--timeout=" + phase.Timeout.String(), "--no-color", "--succinct", "--poll-progress-after=0s",
		"--output-dir=" + r.Dir, "--json-report=" + report, "--junit-report=" + phase.Name + ".xml", "--focus=" + phase.Focus,
	}
	if phase.Skip != "" {
		args = append(args, "--skip="+phase.Skip)
	}
	args = append(args, r.Binary, "--", "--provider=skeleton", "--kubeconfig="+r.Kubeconfig, "--host="+r.Host, "--kubectl-path="+r.Kubectl,
		"--num-nodes="+strconv.Itoa(r.Nodes), "--delete-namespace-on-failure=false", "--report-complete-ginkgo=false", "--report-complete-junit=false")
	log, err := os.Create(filepath.Join(r.Dir, phase.Name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command(r.Ginkgo, args...)
	command.Dir = r.Dir
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting ginkgo: %w", err)
	}
	defer context.AfterFunc(ctx, func() { interrupt(command.Process.Pid) })()
	r.follow(io.TeeReader(out, log))
	ended := command.Wait()
	var exit *exec.ExitError
	if ended != nil && !errors.As(ended, &exit) {
		return nil, fmt.Errorf("running ginkgo: %w", ended)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	results, err := readResults(filepath.Join(r.Dir, report))
	if err != nil {
		return nil, fmt.Errorf("%w (ginkgo: %w; see %s)", err, ended, log.Name())
	}
	return results, nil
}

// interrupt has ginkgo and its processes end. They let their tests clean up, for as long as that takes; what is left after
// a while is killed.
func interrupt(group int) {
	_ = syscall.Kill(group, syscall.SIGINT)
	time.AfterFunc(20*time.Second, func() { _ = syscall.Kill(-group, syscall.SIGKILL) })
}

var (
	namespaceOf = regexp.MustCompile(`Collecting events from namespace "([^"]+)"`)
	failure     = regexp.MustCompile(`^\s*(?:• )?\[(?:FAILED|PANICKED!?|TIMEDOUT)\].*\[[0-9.]+ seconds\]`)
)

// follow reads ginkgo's output to the end. The namespace of a failed test is named within its output, which ends with a rule.
func (r *Run) follow(out io.Reader) {
	lines := bufio.NewReaderSize(out, 1<<20)
	var left []string
	named := 0
	for {
		line, err := lines.ReadString('\n')
		if found := namespaceOf.FindStringSubmatch(line); found != nil {
			left = append(left, found[1])
		}
		switch {
		case failure.MatchString(line):
			named = 1
		case named == 1:
			fmt.Fprintf(r.Progress, "failed: %s", line)
			named = 0
		}
		if strings.HasPrefix(line, "----------") || err != nil {
			for _, namespace := range left {
				r.Failed(namespace)
			}
			left = nil
		}
		if err != nil {
			return
		}
	}
}
