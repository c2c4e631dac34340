package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// user is someone beside the machine who has a kubectl, and works in a namespace.
type user struct {
	*space
	program string
	config  string
	editor  string
}

// newUser is the user of the kubectl that the server carries, in a namespace of this test.
func newUser(t *testing.T) user {
	t.Helper()
	s := newSpace(t)
	config := filepath.Join(t.TempDir(), "kubeconfig")
	data, err := os.ReadFile(s.cluster.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if key, _, _ := strings.Cut(line, "server:"); key != line {
			line = key + "server: " + s.cluster.URL() + "\n"
		}
		lines = append(lines, line)
	}
	if err := os.WriteFile(config, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return user{space: s, program: filepath.Join(s.cluster.Root, "bin", "kubectl"), config: config}
}

// stock is the same user with the machine's own kubectl, if it has one.
func (u user) stock() (user, bool) {
	program, err := exec.LookPath("kubectl")
	if real, _ := filepath.EvalSymlinks(program); err != nil || real == u.cluster.Program() {
		return u, false
	}
	u.program = program
	return u, true
}

// each runs a test with every kubectl there is.
func (u user) each(test func(u user)) {
	test(u)
	if stock, ok := u.stock(); ok {
		test(stock)
	}
}

// said is what a program wrote and how it ended.
type said struct {
	out, err string
	code     int
}

// do runs kubectl to its end.
func (u user) do(input string, args ...string) said {
	u.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return u.finish(u.command(ctx, u.program, u.args(args)...), input)
}

func (u user) args(args []string) []string {
	return append([]string{"--kubeconfig", u.config, "--namespace", u.name}, args...)
}

func (u user) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), "COXSWAIN_DATA_DIR="+u.cluster.DataDir(), "KUBECACHEDIR="+filepath.Join(u.cluster.Machine.Dir, "kubecache"), "KUBE_EDITOR="+u.editor)
	command.WaitDelay = patience
	return command
}

func (u user) finish(command *exec.Cmd, input string) said {
	u.Helper()
	var out, problems bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &problems
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.Fatal(err)
	}
	return said{out.String(), problems.String(), command.ProcessState.ExitCode()}
}

// sees runs kubectl, which must succeed, and returns its output.
func (u user) sees(args ...string) string {
	u.Helper()
	return u.answers("", args...)
}

// answers is sees with a standard input.
func (u user) answers(input string, args ...string) string {
	u.Helper()
	got := u.do(input, args...)
	if got.code != 0 {
		u.Fatalf("%s %s: exit code %d: %s%s", u.program, strings.Join(args, " "), got.code, got.out, got.err)
	}
	return got.out
}

// fails runs kubectl, which must end with the code, and returns all that it says.
func (u user) fails(code int, args ...string) string {
	u.Helper()
	got := u.do("", args...)
	if got.code != code {
		u.Errorf("%s %s: exit code %d, want %d: %s%s", u.program, strings.Join(args, " "), got.code, code, got.out, got.err)
	}
	return got.out + got.err
}

// atTerminal runs kubectl at a terminal of 33 lines with 99 columns.
func (u user) atTerminal(input string, args ...string) said {
	u.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	line := "stty rows 33 cols 99; exec " + quoted(u.program)
	for _, arg := range u.args(args) {
		line += " " + quoted(arg)
	}
	got := u.finish(u.command(ctx, "script", "-qec", line, "/dev/null"), input)
	got.out = strings.ReplaceAll(got.out, "\r\n", "\n")
	return got
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// background is a kubectl that runs.
type background struct {
	u     user
	args  []string
	mu    sync.Mutex
	text  bytes.Buffer
	stop  context.CancelFunc
	ended chan error
}

// starts runs kubectl beside the test, at the longest until its end.
func (u user) starts(args ...string) *background {
	u.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b := &background{u: u, args: args, stop: cancel, ended: make(chan error, 1)}
	command := u.command(ctx, u.program, u.args(args)...)
	command.Stdout, command.Stderr = b, b
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a stock kubectl may be a program that starts another
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	if err := command.Start(); err != nil {
		u.Fatal(err)
	}
	go func() { b.ended <- command.Wait() }()
	u.Cleanup(func() { b.ends() })
	return b
}

// Write implements io.Writer.
func (b *background) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *background) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// says waits until it has written all the texts.
func (b *background) says(texts ...string) string {
	b.u.Helper()
	b.u.eventually("kubectl "+strings.Join(b.args, " "), func() error {
		said := b.said()
		if i := slices.IndexFunc(texts, func(text string) bool { return !strings.Contains(said, text) }); i >= 0 {
			return fmt.Errorf("no %q in %q", texts[i], said)
		}
		return nil
	})
	return b.said()
}

// ends stops it if it still runs, and returns all that it wrote.
func (b *background) ends() string {
	b.stop()
	err := <-b.ended
	b.ended <- err
	return b.said()
}

// finishes waits for its end by itself.
func (b *background) finishes() (string, error) {
	select {
	case err := <-b.ended:
		b.ended <- err
		return b.said(), err
	case <-time.After(patience):
		return b.said(), errors.New("it runs on")
	}
}
