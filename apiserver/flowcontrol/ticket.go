package flowcontrol

import (
	"context"
	"sync"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// maxWait bounds how long a request waits in a queue; one with a deadline waits a quarter of the time that it has.
const maxWait = time.Minute

// Flow is where a request belongs. It is a value: making one costs nothing.
type Flow struct {
	schema     *schema
	controller *Controller
	info       *request.Info
	caller     user.Info
}

// SchemaUID and LevelUID are headers of the answer. They are shared: to be set, not to be changed.
func (f Flow) SchemaUID() []string { return f.schema.uidHeader }

// LevelUID names the level, as SchemaUID does the schema.
func (f Flow) LevelUID() []string { return f.schema.levelHeader }

// Ticket is a request that has its seats, until Leave.
type Ticket struct {
	schema  *schema
	level   *level
	stats   *stats
	info    *request.Info
	caller  user.Info
	clock   clock.WithDelayedExecution
	work    work
	arrived time.Time
	started time.Time

	// Of those under way, or of one queue.
	previous, next *Ticket
	queue          *queue // in which it waited, if it did
	waiting        bool
	granted        chan struct{}
}

// Tickets are used again: nobody holds one after Leave.
type tickets struct{ pool sync.Pool }

func (p *tickets) take() *Ticket {
	if t, ok := p.pool.Get().(*Ticket); ok {
		return t
	}
	return &Ticket{}
}

func (p *tickets) put(t *Ticket) {
	*t = Ticket{}
	p.pool.Put(t)
}

// Enter returns when the request may be worked on. It returns false for one that must be turned away.
func (f Flow) Enter(ctx context.Context) (*Ticket, bool) {
	c, l := f.controller, f.schema.level
	t := c.tickets.take()
	t.schema, t.level, t.stats, t.info, t.caller, t.clock = f.schema, l, f.schema.stats, f.info, f.caller, c.Clock
	t.work = widthOf(f.info, f.schema.widest, c.Load)
	t.arrived = c.Clock.Now()
	reason := l.enter(t, t.arrived)
	if reason == "" && t.granted != nil {
		t.stats.observed.waits(t, 1, t.arrived)
		reason = t.wait(ctx)
		t.stats.observed.waits(t, -1, c.Clock.Now())
	}
	if reason != "" {
		t.stats.observed.rejected(reason, c.Clock.Since(t.arrived))
		c.tickets.put(t)
		return nil, false
	}
	t.stats.observed.dispatched(t)
	return t, true
}

// wait in the queue, until the seats are there or patience ends.
func (t *Ticket) wait(ctx context.Context) (rejected string) {
	patience := maxWait
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, deadline.Sub(t.arrived)/4)
	}
	timer := t.clock.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-t.granted:
		return ""
	case <-timer.C():
		rejected = reasonTime
	case <-ctx.Done():
		rejected = reasonCancelled
	}
	if !t.level.abandon(t, rejected, t.clock.Now()) {
		return ""
	}
	return rejected
}

// mutates says whether the request may change something.
func (t *Ticket) mutates() bool {
	return t.info.Verb != "get" && t.info.Verb != "list" && t.info.Verb != "watch"
}

// Waited is how long the request waited for its turn.
func (t *Ticket) Waited() time.Duration { return t.started.Sub(t.arrived) }

// Leave gives the seats back. The ticket is not to be used any more.
func (f Flow) Leave(t *Ticket) {
	c, l := f.controller, t.level
	now := c.Clock.Now()
	after := t.work.afterFor
	t.stats.observed.left(t, now)
	if later := l.leave(t, now); later > 0 {
		c.Clock.AfterFunc(after, func() { l.release(later, c.Clock.Now()) })
	}
	c.tickets.put(t)
}
