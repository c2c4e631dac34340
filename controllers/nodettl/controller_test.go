package nodettl

import "testing"

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
