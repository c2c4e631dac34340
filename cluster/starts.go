package cluster

import (
	"context"
	"sync"
	"time"
)

// starts counts the control planes of this process that are on their way up. What runs beside one that is there makes room for them, a
// moment long: controllers load for as long as a start takes, and of twenty that start at once the last would wait for those of all others.
type starts struct {
	mu    sync.Mutex
	many  int
	ended chan struct{} // closed when the last has ended; nil while none is under way
}

// underWay is of this process, as its cores are.
var underWay starts

// startsBeside are the starts that a control plane makes room for, and that make room for it. One in memory keeps to itself: it may live in
// a bubble of testing/synctest, whose channels nobody outside may touch, and whose time does not pass while it waits for somebody outside.
func startsBeside(o *Options) *starts {
	if o.Listener != nil {
		return &starts{}
	}
	return &underWay
}

// politely is how long one makes room, at most: others may start for as long as the process lives.
const politely = 500 * time.Millisecond

// begin has others make room until what it returns is called, once or more.
func (s *starts) begin() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.many++; s.many == 1 {
		s.ended = make(chan struct{})
	}
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.many--; s.many == 0 {
			close(s.ended)
			s.ended = nil
		}
	})
}

// makeRoom returns when no start is under way, ctx ends, or it has been polite for long enough.
func (s *starts) makeRoom(ctx context.Context) {
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended == nil {
		return
	}
	enough := time.NewTimer(politely)
	defer enough.Stop()
	select {
	case <-ended:
	case <-enough.C:
	case <-ctx.Done():
	}
}
