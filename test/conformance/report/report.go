package report

import (
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/coxswain-k8s/coxswain/test/conformance/suite"
)

// Report is a run in words.
type Report struct {
	Table   suite.Table
	Results []suite.Result
	// Causes of failures that somebody has looked into, by test.
	Causes map[string]string
	Took   time.Duration
	Nodes  int
}

// Failures are the results that did not pass, in the order of the table.
func (r *Report) Failures() []suite.Result {
	var failed []suite.Result
	for _, result := range r.Results {
		if !result.Passed {
			failed = append(failed, result)
		}
	}
	sort.SliceStable(failed, func(i, j int) bool { return failed[i].Name < failed[j].Name })
	return failed
}

// Passed are the names of the tests that passed, sorted.
func (r *Report) Passed() []string {
	var names []string
	for _, result := range r.Results {
		if result.Passed {
			names = append(names, result.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Broken are the tests of a list that ran and failed.
func (r *Report) Broken(list []string) []string {
	var broken []string
	for _, result := range r.Failures() {
		if slices.Contains(list, result.Name) {
			broken = append(broken, result.Name)
		}
	}
	return broken
}

// Missing are the tests of the table that did not run at all.
func (r *Report) Missing() []string {
	ran := map[string]bool{}
	for _, result := range r.Results {
		ran[result.Name] = true
	}
	var missing []string
	for _, test := range r.Table {
		if !ran[test.Name] {
			missing = append(missing, test.Name)
		}
	}
	return missing
}

// tally is one row of the table of groups.
type tally struct {
	sig                string
	passed, ran, total int
}

func (r *Report) tallies() []tally {
	results := map[string]suite.Result{}
	for _, result := range r.Results {
		results[result.Name] = result
	}
	var rows []tally
	all := tally{sig: "all"}
	for _, test := range r.Table {
		at := slices.IndexFunc(rows, func(row tally) bool { return row.sig == test.SIG })
		if at < 0 {
			at = len(rows)
			rows = append(rows, tally{sig: test.SIG})
		}
		result, ran := results[test.Name]
		for _, row := range []*tally{&rows[at], &all} {
			row.total++
			if ran {
				row.ran++
			}
			if result.Passed {
				row.passed++
			}
		}
	}
	return append(rows, all)
}

// Text is the table of groups and the failures, for a terminal.
func (r *Report) Text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%-22s %6s %6s %6s\n", "", "passed", "ran", "of")
	for _, row := range r.tallies() {
		if row.ran > 0 || row.sig == "all" {
			fmt.Fprintf(&text, "%-22s %6d %6d %6d\n", row.sig, row.passed, row.ran, row.total)
		}
	}
	fmt.Fprintf(&text, "in %s\n", r.Took.Round(time.Second))
	for _, failed := range r.Failures() {
		fmt.Fprintf(&text, "FAILED %s\n       %s\n", failed.Name, r.cause(failed))
	}
	return text.String()
}

// cause is why a test failed: what somebody found out, or else the first line of what the test said.
func (r *Report) cause(failed suite.Result) string {
	if cause := r.Causes[failed.Name]; cause != "" {
		return cause
	}
	return failed.FirstLine()
}

// Page is docs/conformance.md.
func (r *Report) Page() string {
	var text strings.Builder
	rows := r.tallies()
	all := rows[len(rows)-1]
	fmt.Fprintf(&text, `# The conformance suite

Written by `+"`make conformance`"+`, which runs upstream's own suite, v1.36.3, as the certification does: the tests that may run in parallel, %s,
then the serial ones. The cluster has %d nodes, started by `+"`coxswain up`"+` on one machine.

**%d of %d pass.** Wall time %s. What has passed once is listed in `+"`test/conformance/passing.txt`"+` and must pass ever after.

| group | pass | of |
|---|---|---|
`, "in six processes", r.Nodes, all.passed, all.total, r.Took.Round(time.Second))
	for _, row := range rows {
		fmt.Fprintf(&text, "| %s | %d | %d |\n", row.sig, row.passed, row.total)
	}
	if failures := r.Failures(); len(failures) > 0 {
		text.WriteString("\n## What fails, and why\n| test | cause |\n|---|---|\n")
		for _, failed := range failures {
			fmt.Fprintf(&text, "| %s | %s |\n", cell(failed.Name), cell(r.cause(failed)))
		}
	}
	if missing := r.Missing(); len(missing) > 0 {
		text.WriteString("\n## What did not run\n")
		for _, name := range missing {
			fmt.Fprintf(&text, "- %s\n", cell(name))
		}
	}
	var again []string
	for _, result := range r.Results {
		if result.Passed && result.Again {
			again = append(again, result.Name)
		}
	}
	if len(again) > 0 {
		text.WriteString("\n## What passed at the second attempt\n")
		for _, name := range again {
			fmt.Fprintf(&text, "- %s\n", cell(name))
		}
	}
	return text.String()
}

// cell makes a text safe for a cell of a table in Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "`", "'", "[", `\[`, "\n", " ").Replace(text)
}

// ReadList reads a file with a name per line; none if there is no file.
func ReadList(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' }), nil
}

// WriteList writes names, sorted and each once, to a file.
func WriteList(file string, names []string) error {
	names = slices.Clone(names)
	slices.Sort(names)
	return os.WriteFile(file, []byte(strings.Join(slices.Compact(names), "\n")+"\n"), 0o644)
}

// ReadCauses reads a file of tests and causes, separated by a tab.
func ReadCauses(file string) (map[string]string, error) {
	lines, err := ReadList(file)
	if err != nil {
		return nil, err
	}
	causes := map[string]string{}
	for n, line := range lines {
		test, cause, ok := strings.Cut(line, "\t")
		if !ok {
			return nil, fmt.Errorf("reading %s: line %d has no tab", file, n+1)
		}
		causes[test] = cause
	}
	return causes, nil
}
