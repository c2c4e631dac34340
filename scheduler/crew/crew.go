package crew

import (
	"sync"
	"time"
)

// stays is how long a goroutine waits for more to do. The stack of a new one is copied each time that it doubles, on the way through a
// write some five times: one that has been that way has it.
const stays = time.Second

// Crew runs functions. The one that was done last takes the next, so that there are no more than are needed at a time, and all are gone a
// second after there was something to do. The zero value has none.
type Crew struct {
	mu     sync.Mutex
	idle   []chan func()
	ending int // calls of Wait: who has nothing to do then does not wait for more
	all    sync.WaitGroup
}

// Go runs a function, now.
func (c *Crew) Go(run func()) {
	c.mu.Lock()
	if last := len(c.idle) - 1; last >= 0 {
		member := c.idle[last]
		c.idle[last] = nil
		c.idle = c.idle[:last]
		c.mu.Unlock()
		member <- run
		return
	}
	c.mu.Unlock()
	c.all.Go(func() { c.work(run) })
}

// Wait returns when all is done that was to be, and nobody is left.
func (c *Crew) Wait() {
	c.mu.Lock()
	for _, member := range c.idle {
		close(member)
	}
	c.idle = nil
	c.ending++
	c.mu.Unlock()
	c.all.Wait()
	c.mu.Lock()
	c.ending--
	c.mu.Unlock()
}

func (c *Crew) work(run func()) {
	member := make(chan func(), 1)
	var patience *time.Timer
	for run != nil {
		run()
		if !c.offer(member) {
			return
		}
		if patience == nil {
			patience = time.NewTimer(stays)
			defer patience.Stop()
		} else {
			patience.Reset(stays)
		}
		select {
		case run = <-member:
		case <-patience.C:
			if c.leave(member) {
				return
			}
			run = <-member
		}
	}
}

// offer is false for one that is not needed any more.
func (c *Crew) offer(member chan func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending > 0 {
		return false
	}
	c.idle = append(c.idle, member)
	return true
}

// leave is false for one that has been given something to do meanwhile.
func (c *Crew) leave(member chan func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.idle {
		if other == member {
			c.idle = append(c.idle[:i], c.idle[i+1:]...)
			return true
		}
	}
	return false
}
