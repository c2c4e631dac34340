package suite

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func names(table Table) []string {
	var all []string
	for _, test := range table {
		all = append(all, test.Name)
	}
	return all
}

func TestTableOfTheProject(t *testing.T) {
	table, err := ReadTable("../tests.tsv")
	if err != nil {
		t.Fatal(err)
	}
	if len(table) != 446 {
		t.Errorf("there are %d tests, not 446", len(table))
	}
	copied := filepath.Join(t.TempDir(), "tests.tsv")
	if err := table.Write(copied); err != nil {
		t.Fatal(err)
	}
	want, _ := os.ReadFile("../tests.tsv")
	if got, _ := os.ReadFile(copied); !bytes.Equal(got, want) {
		t.Error("what is written is not what was read")
	}
	list, err := os.ReadFile("../passing.txt")
	if err != nil {
		t.Fatal(err)
	}
	passing := strings.Split(strings.TrimSpace(string(list)), "\n")
	if !slices.IsSorted(passing) || len(slices.Compact(slices.Clone(passing))) != len(passing) {
		t.Error("passing.txt is not sorted, or names a test twice")
	}
	for _, name := range passing {
		if !slices.Contains(names(table), name) {
			t.Errorf("passing.txt names %q, which the suite does not have", name)
		}
	}
}

func TestLearn(t *testing.T) {
	table := Table{{Name: "a", Seconds: 10}, {Name: "b", Seconds: 10}, {Name: "c", Seconds: 10}}
	table.Learn([]Result{{Name: "a", Passed: true, Seconds: 11}, {Name: "b", Passed: true, Seconds: 30}, {Name: "c", Seconds: 300}})
	if table[0].Seconds != 10 || table[1].Seconds != 30 || table[2].Seconds != 10 {
		t.Errorf("learned %v", table)
	}
}

func TestFocusMatchesNamesOnly(t *testing.T) {
	expression := regexp.MustCompile(focus(Table{{Name: "[sig-a] x (y) [Conformance]"}, {Name: "[sig-a] z"}}))
	for text, want := range map[string]bool{
		"Kubernetes e2e suite [sig-a] x (y) [Conformance]": true, "Kubernetes e2e suite [sig-a] z": true,
		"Kubernetes e2e suite [sig-a] z and more": false, "Kubernetes e2e suite [sig-a] x y [Conformance]": false,
	} {
		if expression.MatchString(text) != want {
			t.Errorf("%q matches: %t", text, !want)
		}
	}
}

func TestFastPrefersWhatChanged(t *testing.T) {
	var table Table
	var passing []string
	add := func(sig, name string, seconds float64, serial bool) {
		table = append(table, Test{SIG: sig, Name: name, Seconds: seconds, Serial: serial})
		passing = append(passing, name)
	}
	for _, n := range []string{"1", "2", "3", "4"} {
		add("sig-node", "node "+n, 100, false)
		add("sig-apps", "apps "+n, 11, false)
		add("sig-auth", "auth "+n, 10, false)
	}
	add("sig-auth", "serial", 1, true)
	table = append(table, Test{SIG: "sig-auth", Name: "fails", Seconds: 1})
	got := names(table.Fast(passing, map[string]int{"sig-auth": 100, "sig-apps": 7}))
	want := []string{"auth 1", "auth 2", "apps 1", "auth 3", "auth 4", "apps 2", "apps 3", "apps 4"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestConcerned(t *testing.T) {
	for file, want := range map[string]string{
		"kubelet/volume/x.go": "sig-storage", "kubelet/worker.go": "sig-node", "apiserver/auth/x.go": "sig-auth", "docs/tour.md": "",
	} {
		if got := strings.Join(concerned(file), " "); got != want {
			t.Errorf("%s concerns %q, want %q", file, got, want)
		}
	}
}

// What ginkgo writes of two tests, the second of which passes.
const output = `------------------------------
• [FAILED] [0.258 seconds]
[sig-network] Endpoints [It] should work [Conformance]
  STEP: Collecting events from namespace "endpoints-1160". @ 11/21/26
  [FAILED] in [It] - endpoints.go:123
------------------------------
S•S
`

func TestFollow(t *testing.T) {
	var progress bytes.Buffer
	var namespaces []string
	run := &Run{Progress: &progress, Failed: func(namespace string) { namespaces = append(namespaces, namespace) }}
	run.follow(strings.NewReader(output))
	if got := progress.String(); got != "failed: [sig-network] Endpoints [It] should work [Conformance]\n" {
		t.Errorf("said %q", got)
	}
	if !slices.Equal(namespaces, []string{"endpoints-1160"}) {
		t.Errorf("namespaces %v", namespaces)
	}
}

func TestFirstLine(t *testing.T) {
	r := Result{Message: "failed to patch\nExpected\n    <int>: 0\nto equal\n    <int>: 2\n"}
	if got := r.FirstLine(); got != "failed to patch Expected <int>: 0 to equal <int>: 2" {
		t.Errorf("got %q", got)
	}
	long := Result{Message: strings.Repeat("é", 400)}
	if got := long.FirstLine(); len(got) > 310 {
		t.Errorf("%d bytes", len(got))
	}
}
