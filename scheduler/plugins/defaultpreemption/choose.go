package defaultpreemption

import (
	"cmp"
	"math"
	"time"
)

// choose returns the candidate whose eviction costs least: the fewest violated budgets; then the lowest priority among
// the most important victims; then the lowest sum of priorities; then the fewest victims; then the one whose most
// important victims started last.
func choose(candidates []candidate) candidate {
	best := candidates[0]
	for _, c := range candidates[1:] {
		if compare(&c, &best) < 0 {
			best = c
		}
	}
	return best
}

func compare(a, b *candidate) int {
	return cmp.Or(
		cmp.Compare(a.violations, b.violations),
		cmp.Compare(priority(a.victims[0]), priority(b.victims[0])),
		cmp.Compare(a.sum(), b.sum()),
		cmp.Compare(len(a.victims), len(b.victims)),
		b.earliest().Compare(a.earliest()),
	)
}

// sum of the priorities, each made positive so that fewer victims of a negative priority cost less than many.
func (c *candidate) sum() int64 {
	var sum int64
	for _, info := range c.victims {
		sum += int64(priority(info)) + math.MaxInt32 + 1
	}
	return sum
}

// earliest is when the first of the victims of the highest priority started; late if none has started yet.
func (c *candidate) earliest() time.Time {
	first := time.Unix(math.MaxInt32, 0)
	for _, info := range c.victims {
		started := info.GetPod().Status.StartTime
		if priority(info) == priority(c.victims[0]) && started != nil && started.Time.Before(first) {
			first = started.Time
		}
	}
	return first
}
