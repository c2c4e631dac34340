package crew

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheCrewIsAsLargeAsItMustBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, begun := &Crew{}, sync.WaitGroup{}
		waiting := func() int {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.idle)
		}
		release := make(chan struct{})
		for range 3 {
			begun.Add(1)
			c.Go(func() { begun.Done(); <-release })
		}
		begun.Wait()
		if got := waiting(); got != 0 {
			t.Errorf("%d wait while all work", got)
		}
		close(release)
		synctest.Wait()
		if got := waiting(); got != 3 {
			t.Errorf("%d wait, want 3", got)
		}
		for range 10 { // one after the other
			c.Go(func() {})
			synctest.Wait()
		}
		if got := waiting(); got != 3 {
			t.Errorf("%d wait, want the 3 that were there", got)
		}
		time.Sleep(stays / 2)
		c.Go(func() {})
		time.Sleep(stays/2 + 1)
		synctest.Wait()
		if got := waiting(); got != 1 {
			t.Errorf("%d wait, want the one that had something to do", got)
		}
		c.Wait()
		if got := waiting(); got != 0 {
			t.Errorf("%d wait at the end", got)
		}
	})
}

func TestAllIsDone(t *testing.T) {
	c, done := &Crew{}, sync.WaitGroup{}
	done.Add(1100)
	for i := range 1000 {
		c.Go(func() {
			defer done.Done()
			if i%10 == 0 {
				c.Go(done.Done)
			}
		})
	}
	done.Wait()
	c.Wait()
	if len(c.idle) > 0 {
		t.Errorf("%d wait at the end", len(c.idle))
	}
}
