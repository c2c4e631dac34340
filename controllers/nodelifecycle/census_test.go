package nodelifecycle

import (
	"slices"
	"strings"
	"testing"
)

func TestCensus(t *testing.T) {
	c := census{ready: map[string]bool{}}
	for _, step := range []struct {
		why       string
		concerned []string
		want      string
	}{
		{"the first, silent", c.take("a", false), "a"},
		{"another silent one", c.take("b", false), ""},
		{"one becomes ready", c.take("a", true), "b"},
		{"and again", c.take("a", true), ""},
		{"a second one", c.take("c", true), ""},
		{"it goes", c.drop("c"), ""},
		{"somebody unknown goes", c.drop("x"), ""},
		{"the last ready one turns", c.take("a", false), "a b"},
		{"one goes", c.drop("a"), ""},
		{"nobody is left", c.drop("b"), ""},
	} {
		slices.Sort(step.concerned)
		if got := strings.Join(step.concerned, " "); got != step.want {
			t.Errorf("%s: concerns %q, want %q", step.why, got, step.want)
		}
	}
	if c.allSilent() {
		t.Error("where there is no node, none is silent")
	}
	c.take("a", false)
	if !c.allSilent() {
		t.Error("the only node is silent")
	}
}
