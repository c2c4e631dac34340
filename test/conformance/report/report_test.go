package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/test/conformance/suite"
)

func newReport() *Report {
	return &Report{
		Table: suite.Table{{SIG: "sig-a", Name: "[sig-a] one"}, {SIG: "sig-a", Name: "[sig-a] two"}, {SIG: "sig-b", Name: "[sig-b] three"}, {SIG: "sig-b", Name: "[sig-b] four"}},
		Results: []suite.Result{
			{Name: "[sig-a] one", Passed: true}, {Name: "[sig-a] two", Message: "a | b"}, {Name: "[sig-b] three", Message: "timed out"},
		},
		Causes: map[string]string{"[sig-b] three": "known"}, Took: 90 * time.Second, Nodes: 2,
	}
}

func TestBrokenAreThoseThatPassedBefore(t *testing.T) {
	if got := newReport().Broken([]string{"[sig-a] two", "[sig-b] four"}); !slices.Equal(got, []string{"[sig-a] two"}) {
		t.Errorf("broken: %v", got)
	}
}

func TestPage(t *testing.T) {
	page := newReport().Page()
	for _, want := range []string{
		"**1 of 4 pass.** Wall time 1m30s.", "| sig-a | 1 | 2 |", "| sig-b | 0 | 2 |", "| all | 1 | 4 |",
		`| \[sig-a] two | a \| b |`, `| \[sig-b] three | known |`, "## What did not run\n- \\[sig-b] four\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestLists(t *testing.T) {
	file := t.TempDir() + "/list"
	if none, err := ReadList(file); err != nil || none != nil {
		t.Errorf("got %v, %v", none, err)
	}
	if err := WriteList(file, []string{"b", "a", "b"}); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadList(file); err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v, %v", got, err)
	}
}
