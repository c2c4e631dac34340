package waiters

import (
	"context"
	"sync"
	"sync/atomic"
)

// Waiters are callers that wait until the cache has reached a revision.
type Waiters struct {
	count atomic.Int64
	mu    sync.Mutex
	list  map[*waiter]struct{}
}

type waiter struct {
	revision int64
	done     chan struct{}
}

// Wait blocks until current is at revision. The revision is looked at again after the waiter is in the list,
// so that a wake between the two cannot be lost.
func (w *Waiters) Wait(ctx context.Context, revision int64, current *atomic.Int64) error {
	me := &waiter{revision: revision, done: make(chan struct{})}
	w.mu.Lock()
	if w.list == nil {
		w.list = map[*waiter]struct{}{}
	}
	w.list[me] = struct{}{}
	w.count.Add(1)
	w.mu.Unlock()
	defer w.forget(me)
	if current.Load() >= revision {
		return nil
	}
	select {
	case <-me.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *Waiters) forget(me *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.list[me]; ok {
		delete(w.list, me)
		w.count.Add(-1)
	}
}

// Wake lets go of all whose revision is reached.
func (w *Waiters) Wake(revision int64) {
	if w.count.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for other := range w.list {
		if other.revision <= revision {
			close(other.done)
			delete(w.list, other)
			w.count.Add(-1)
		}
	}
}
