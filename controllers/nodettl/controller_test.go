package nodettl

import (
	"strconv"
	"testing"
)

func TestSizesOverlap(t *testing.T) {
	size := 0
	for _, step := range []struct{ nodes, seconds int }{
		{1, 0}, {100, 0}, {101, 15}, {95, 15}, {89, 0}, {95, 0}, {501, 15 * 2}, {5000, 300}, {1800, 300}, {1799, 60}, {3, 0},
	} {
		size = next(size, step.nodes)
		if got := sizes()[size].seconds; got != step.seconds {
			t.Errorf("with %d nodes: %d s, want %d", step.nodes, got, step.seconds)
		}
	}
}

func TestNodesAreAskedOnce(t *testing.T) {
	c := &Controller{}
	step := func(what, name, said, says string, want bool) {
		t.Helper()
		if got := c.asks(name, said, says); got != want {
			t.Errorf("%s: asked is %t, want %t", what, got, want)
		}
	}
	c.count("a", true)
	step("it comes", "a", "", "", true)
	step("another change comes before the answer", "a", "", "", false)
	step("it says it", "a", "", "0", false)
	step("somebody takes it away", "a", "0", "", true)
	step("it says it again", "a", "", "0", false)
	for i := range 100 {
		c.count(strconv.Itoa(i), true)
	}
	step("the cluster has grown, and a heartbeat comes", "a", "0", "0", true)
	step("another heartbeat comes before the answer", "a", "0", "0", false)
	step("it says it", "a", "0", "15", false)
	c.count("a", false)
	c.count("a", true)
	step("it comes again", "a", "", "", true)
}
