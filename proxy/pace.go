package proxy

import (
	"context"
	"time"

	"k8s.io/utils/clock"
)

// pace lets a few syncs pass at once and the rest at a steady rate, so that a storm of changes is gathered.
type pace struct {
	clock     clock.Clock
	interval  time.Duration
	allowance time.Duration
	// free is when the bucket was, or will be, empty of debt: a sync costs one interval.
	free time.Time
}

func newPace(c clock.Clock, burst, perSecond int) *pace {
	interval := time.Second / time.Duration(perSecond)
	return &pace{clock: c, interval: interval, allowance: interval * time.Duration(burst)}
}

// wait returns when a sync may begin, and false when ctx ended first.
func (p *pace) wait(ctx context.Context) bool {
	now := p.clock.Now()
	if earliest := now.Add(-p.allowance); p.free.Before(earliest) {
		p.free = earliest
	}
	p.free = p.free.Add(p.interval)
	if !p.free.After(now) {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-p.clock.After(p.free.Sub(now)):
		return true
	}
}
