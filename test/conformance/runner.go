package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coxswain-k8s/coxswain/test/conformance/build"
	"github.com/coxswain-k8s/coxswain/test/conformance/cluster"
	"github.com/coxswain-k8s/coxswain/test/conformance/report"
	"github.com/coxswain-k8s/coxswain/test/conformance/suite"
)

// errFailed says that tests failed; what failed is printed already.
var errFailed = errors.New("tests failed")

// runner is one call of the command.
type runner struct {
	Root, Focus, SIG, Kubeconfig string
	CI, BuildOnly, Keep          bool
	Nodes, Processes             int

	dir     string
	table   suite.Table
	passing []string
	cluster *cluster.Cluster
	suite   *suite.Run
}

// Run builds, starts a cluster, runs tests and says what came of them.
func (r *runner) Run(ctx context.Context) error {
	var err error
	if r.Root, err = filepath.Abs(r.Root); err != nil {
		return err
	}
	builder := &build.Builder{Root: r.Root, Log: os.Stderr}
	unlock, err := lock(builder.Dir())
	if err != nil {
		return err
	}
	defer func() { unlock() }()
	if err := builder.All(ctx); err != nil || r.BuildOnly {
		return err
	}
	if r.Kubeconfig != "" {
		unlock() // a cluster of somebody else's
		unlock = func() {}
	}
	if r.table, err = suite.ReadTable(r.file("tests.tsv")); err != nil {
		return err
	}
	if r.passing, err = report.ReadList(r.file("passing.txt")); err != nil {
		return err
	}
	chosen, whole, err := r.choose(ctx)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		return errors.New("no test was chosen")
	}
	r.dir = filepath.Join(builder.Dir(), "runs", time.Now().UTC().Format("20060102-150405"))
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	started := time.Now()
	r.prepare(builder)
	results, err := r.attempt(ctx, chosen, whole)
	if err != nil {
		return fmt.Errorf("%w; logs are in %s", err, r.dir)
	}
	return r.conclude(results, whole, time.Since(started))
}

func (r *runner) file(name string) string {
	return filepath.Join(r.Root, "test", "conformance", name)
}

// choose returns the tests to run, and whether they are all.
func (r *runner) choose(ctx context.Context) (suite.Table, bool, error) {
	switch {
	case r.CI:
		changed, err := suite.Changed(ctx, r.Root)
		if err != nil {
			return nil, false, err
		}
		return r.table.Fast(r.passing, changed), false, nil
	case r.Focus != "" || r.SIG != "":
		focus, err := regexp.Compile(r.Focus)
		if err != nil {
			return nil, false, fmt.Errorf("reading FOCUS: %w", err)
		}
		return r.table.Where(func(test suite.Test) bool {
			return (r.SIG == "" || r.SIG == test.SIG) && focus.MatchString(test.Name)
		}), false, nil
	default:
		return r.table, true, nil
	}
}

func (r *runner) prepare(builder *build.Builder) {
	bin := filepath.Join(r.Root, "bin")
	r.cluster = &cluster.Cluster{
		Program: filepath.Join(bin, "coxswain"), Nodes: r.Nodes, DataDir: filepath.Join(builder.Dir(), "data"), Archive: builder.Archive(),
		Dir: r.dir, Kubeconfig: r.Kubeconfig, Log: os.Stderr,
	}
	r.suite = &suite.Run{
		Ginkgo: builder.Program("ginkgo"), Binary: builder.Program("e2e.test"), Kubectl: filepath.Join(bin, "kubectl"),
		Nodes: r.Nodes, Processes: r.Processes, Dir: r.dir, Progress: os.Stderr,
	}
}

// attempt runs the tests on a cluster of their own.
func (r *runner) attempt(ctx context.Context, chosen suite.Table, whole bool) (results []suite.Result, err error) {
	defer func() {
		err = errors.Join(err, r.cluster.KeepLogs())
		if !r.Keep {
			err = errors.Join(err, r.cluster.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if err := r.cluster.Start(ctx); err != nil {
		return nil, err
	}
	r.suite.Kubeconfig = r.cluster.Kubeconfig
	if r.suite.Host, err = r.cluster.Host(ctx); err != nil {
		return nil, err
	}
	r.suite.Failed = func(namespace string) {
		if err := r.cluster.KeepNamespace(ctx, namespace); err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
		}
	}
	phases := r.suite.Part("part", chosen)
	if whole {
		phases = r.suite.Whole()
	}
	for _, phase := range phases {
		fmt.Fprintf(os.Stderr, "running %s tests, %d at a time\n", phase.Name, phase.Processes)
		some, err := r.suite.Do(ctx, phase)
		if err != nil {
			return nil, err
		}
		results = append(results, some...)
	}
	return r.again(ctx, results)
}

// again runs those once more that have passed before and failed now: the machine may have been busy with something else.
// A test that fails twice has failed.
func (r *runner) again(ctx context.Context, results []suite.Result) ([]suite.Result, error) {
	failed := r.table.Where(func(test suite.Test) bool {
		return slices.Contains(r.passing, test.Name) && slices.ContainsFunc(results, func(result suite.Result) bool {
			return result.Name == test.Name && !result.Passed
		})
	})
	const many = 20
	if len(failed) == 0 || len(failed) > many {
		return results, nil
	}
	for _, phase := range r.suite.Part("again", failed) {
		phase.Processes = 1
		fmt.Fprintf(os.Stderr, "running failed tests again: %s\n", phase.Name)
		some, err := r.suite.Do(ctx, phase)
		if err != nil {
			return nil, err
		}
		for _, second := range some {
			at := slices.IndexFunc(results, func(first suite.Result) bool { return first.Name == second.Name })
			if at < 0 {
				continue
			}
			second.Again = true
			results[at] = second
		}
	}
	return results, nil
}

// conclude writes down what came of a run.
func (r *runner) conclude(results []suite.Result, whole bool, took time.Duration) error {
	causes, err := report.ReadCauses(r.file("causes.tsv"))
	if err != nil {
		return err
	}
	all := &report.Report{Table: r.table, Results: results, Causes: causes, Took: took, Nodes: r.Nodes}
	fmt.Print(all.Text())
	if err := r.keepOutput(all.Failures()); err != nil {
		return err
	}
	if err := r.ratchet(all.Passed()); err != nil {
		return err
	}
	missing := []string(nil)
	if whole {
		missing = all.Missing()
		r.table.Learn(results)
		if err := errors.Join(r.table.Write(r.file("tests.tsv")), os.WriteFile(filepath.Join(r.Root, "docs", "conformance.md"), []byte(all.Page()), 0o644)); err != nil {
			return err
		}
	}
	broken := all.Broken(r.passing)
	for _, name := range missing {
		if slices.Contains(r.passing, name) {
			broken = append(broken, name)
		}
	}
	if len(broken) > 0 {
		fmt.Printf("These have passed before and must pass:\n  %s\n", strings.Join(broken, "\n  "))
	}
	if len(all.Failures()) > 0 {
		fmt.Printf("Logs, outputs and objects of what failed are in %s\n", r.dir)
	}
	if len(broken) > 0 {
		return errFailed
	}
	return nil
}

// ratchet adds tests to those that must pass ever after. The list is read anew: another run may have added some.
func (r *runner) ratchet(passed []string) error {
	if r.CI {
		return nil
	}
	list, err := report.ReadList(r.file("passing.txt"))
	if err != nil {
		return err
	}
	return report.WriteList(r.file("passing.txt"), append(list, passed...))
}

// keepOutput writes what each failed test wrote to a file of its own.
func (r *runner) keepOutput(failures []suite.Result) error {
	if len(failures) == 0 {
		return nil
	}
	dir := filepath.Join(r.dir, "failed")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unsafe := regexp.MustCompile(`[^A-Za-z0-9]+`)
	for n, failure := range failures {
		name := strings.Trim(unsafe.ReplaceAllString(failure.Name, "-"), "-")
		if len(name) > 150 {
			name = name[:150]
		}
		text := failure.Name + "\n\n" + failure.Message + "\n\n" + failure.Output
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d-%s.txt", n+1, name)), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
