package process

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
		{"a small heap under load", 32 << 20, true, 250},
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

// A heap that may grow is collected more seldom: that alone does not say that there is less load.
func TestLoadGoesOnWithALargerHeap(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(defaultPercent))
	now := time.Now()
	c := &collector{percent: startPercent, last: now}
	for i, step := range []struct {
		after time.Duration
		want  int
	}{
		{after: stillClosely / 2, want: 273}, // the first one since the start
		{after: stillClosely / 2, want: 273},
		{after: stillClosely, want: defaultPercent},
		{after: stillClosely / 2, want: defaultPercent},
		{after: closely / 2, want: 273},
	} {
		now = now.Add(step.after)
		if c.adjust(now, 30<<20); c.percent != step.want {
			t.Errorf("collection %d: %d, want %d", i, c.percent, step.want)
		}
	}
}

func TestLoadByWhatIsAllocated(t *testing.T) {
	for _, test := range []struct {
		allocated uint64
		in        time.Duration
		want      bool
	}{
		{0, started, false},
		{20 << 20, started, false},
		{allocatedUnderLoad, started, true},
		{allocatedUnderLoad, 2 * started, false},
		{3 * allocatedUnderLoad, 2 * started, true},
	} {
		if got := isLoad(test.allocated, test.in); got != test.want {
			t.Errorf("%d bytes in %v: %v, want %v", test.allocated, test.in, got, test.want)
		}
	}
}
