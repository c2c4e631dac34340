package main

import "testing"

func TestRoomOfTheHeap(t *testing.T) {
	for _, test := range []struct {
		why    string
		live   uint64
		loaded bool
		want   int
	}{
		{"idle", 20 << 20, false, 100},
		{"a small heap under load", 32 << 20, true, 200},
		{"a tiny one", 1 << 20, true, 800},
		{"a large one", 100 << 20, true, 100},
		{"nothing known", 0, true, 100},
	} {
		if got := percentFor(test.live, test.loaded); got != test.want {
			t.Errorf("%s: %d, want %d", test.why, got, test.want)
		}
	}
}
