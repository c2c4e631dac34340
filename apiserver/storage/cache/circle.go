package cache

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

// Sink takes the events of a watcher without waiting.
type Sink interface {
	// Take returns false when the watcher's goroutine must go on: then Next returns these events, and the sink knows how far it came.
	// They are valid until the next call.
	Take(events []Event) bool
	// Send sends what the sinks of the circle have taken. It does not wait for who reads it.
	Send()
}

// Circle is of watchers whose events leave together, as over one connection. Of the goroutines that wait in Next one wakes for all that
// are told of a change: it leads, hands all their events to their sinks, and has them sent in one go. Only a watcher whose sink takes no
// more wakes, too, and goes on by itself. The zero value is ready.
//
//	active -- nothing for Next to return ------------> parked
//	parked -- a change, and the leader comes by -----> held -- the sink took all -----> parked
//	                                                   held -- it takes no more ------> active
//	parked -- the context ends, a bookmark is due ---> active
type Circle struct {
	mu     sync.Mutex // taken below a resource's
	marked []*Watcher // by changes; those that are active look themselves
	leader *Watcher   // from when it is woken until nothing is marked, or it is wanted elsewhere
	freed  sync.Cond  // nobody is held any more

	// Of who leads.
	batch   []*Watcher
	scratch []change
	events  []Event
}

// place is a watcher's in its circle. Circle and sink are set before the watcher is found by changes; the others are guarded by the
// circle's mutex, but for verdict, which is of who leads.
type place struct {
	circle               *Circle // nil without
	sink                 Sink
	parked, marked, held bool
	verdict              verdict
	panicked             error // what a leader met; of the watcher's goroutine once it is active
}

// verdict is what becomes of a watcher after the leader came by.
type verdict byte

const (
	stays   verdict = iota // parked
	behind                 // parked, and marked for there is more
	awakens                // active
)

// Join has events go to a sink of the circle while Next waits. It is for who calls Next, before the first time.
func (w *Watcher) Join(c *Circle, sink Sink) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.circle, w.sink = c, sink
}

// mark has somebody look after a watcher for which there are changes. The resource's mutex is held.
func (c *Circle) mark(w *Watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !w.parked {
		w.signal()
		return
	}
	c.add(w)
	if c.leader == nil {
		c.leader = w
		w.signal()
	}
}

func (c *Circle) add(w *Watcher) {
	if !w.marked {
		w.marked = true
		c.marked = append(c.marked, w)
	}
}

// park lets events go to the watcher's sink.
func (c *Circle) park(w *Watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.parked = true
}

// unpark returns when nothing goes there any more. Before, the watcher leads, if that is what it was woken for.
func (c *Circle) unpark(w *Watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.leader == w && w.parked && len(c.marked) > 0 && !w.isWanted() {
		c.lead()
	}
	for w.held {
		c.freed.L = &c.mu
		c.freed.Wait()
	}
	w.parked = false
	if c.leader == w {
		c.leader = nil
		c.appoint()
	}
}

// appoint wakes who is to lead next, if anything is left to do.
func (c *Circle) appoint() {
	for i, w := range c.marked {
		if w.parked {
			c.marked, c.leader = slices.Delete(c.marked, 0, i), w
			w.signal()
			return
		}
		w.marked = false
	}
	clear(c.marked)
	c.marked = c.marked[:0]
}

// lead hands the events of all that are marked to their sinks. The mutex is held, and given up meanwhile.
func (c *Circle) lead() {
	c.batch, c.marked = c.marked, c.batch[:0]
	for _, w := range c.batch {
		w.marked, w.held = false, w.parked
	}
	c.mu.Unlock()
	c.deliver()
	c.mu.Lock()
	for _, w := range c.batch {
		if !w.held {
			continue
		}
		w.held = false
		switch w.verdict {
		case behind:
			c.add(w)
		case awakens:
			w.parked = false
			w.signal()
		}
	}
	clear(c.batch)
	c.freed.Broadcast()
}

func (c *Circle) deliver() {
	var last *Watcher
	for _, w := range c.batch {
		if w.held {
			w.verdict = c.hand(w)
			last = w
		}
	}
	if last != nil {
		last.sink.Send()
	}
}

// hand gives a watcher's sink what there is, in memory that the next one has after it. Where that panics, it is for the watcher's own
// goroutine to do so: others are led by this one.
func (c *Circle) hand(w *Watcher) (v verdict) {
	defer func() {
		if problem := recover(); problem != nil {
			w.panicked, v = fmt.Errorf("%v\n%s", problem, debug.Stack()), awakens
		}
	}()
	w.scratch, w.events = c.scratch, c.events
	c.scratch, c.events = nil, nil
	more, err := w.pull()
	if err != nil || len(w.events) > 0 && !w.sink.Take(w.events) {
		return awakens // of an error it learns when it looks itself
	}
	clear(w.events)
	c.scratch, c.events = w.scratch[:0], w.events[:0]
	w.scratch, w.events = nil, nil
	if more {
		return behind
	}
	return stays
}
