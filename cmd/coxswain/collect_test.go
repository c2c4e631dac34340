package main

import (
	"runtime/debug"
	"testing"
	"time"
)

func TestRoomOfTheHeap(t *testing.T) {
	for _, test := range []struct {
		why    string
		live   uint64
		loaded bool
		want   int
	}{
		{"idle", 20 << 20, false, 100},
		{"a small heap under load", 32 << 20, true, 275},
		{"a tiny one", 1 << 20, true, 800},
		{"one that is half of what it may be", 60 << 20, true, 100},
		{"a large one", 100 << 20, true, 150},
		{"a large one, idle", 100 << 20, false, 100},
		{"a larger one", 200 << 20, true, 100},
		{"nothing known", 0, true, 100},
	} {
		if got := percentFor(test.live, test.loaded); got != test.want {
			t.Errorf("%s: %d, want %d", test.why, got, test.want)
		}
	}
}

// A load is over when collections follow one another quietly again, and not each time that one takes a breath.
func TestEndOfALoad(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(defaultPercent))
	c := &collector{percent: defaultPercent}
	now := time.Now()
	for i, step := range []struct {
		after time.Duration
		own   bool
		over  bool
	}{
		{after: time.Hour},
		{after: time.Hour},
		{after: closely / 2},
		{after: 2 * closely},
		{after: closely / 2},
		{after: quietly, over: true},
		{after: 0, own: true},
		{after: quietly},
	} {
		now = now.Add(step.after)
		c.own = step.own
		if over := c.adjust(now, 20<<20); over != step.over {
			t.Errorf("collection %d: over %v, want %v", i, over, step.over)
		}
	}
}
