package cache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// basin is a sink that may refuse. Like a watcher it is for one goroutine at a time, which the race detector checks.
type basin struct {
	refuses func() bool
	seen    []int64 // revisions
	partly  int     // taken of what was refused
	own     int     // events that Next returned
	sends   func()
}

func (b *basin) Take(events []Event) bool {
	if b.refuses() {
		b.partly = rand.IntN(len(events) + 1)
		b.note(events[:b.partly])
		return false
	}
	b.note(events)
	return true
}

func (b *basin) Send() { b.sends() }

func (b *basin) note(events []Event) {
	for i := range events {
		b.seen = append(b.seen, events[i].Revision)
	}
}

// follow has the watcher go on by itself with what its sink refuses.
func (b *basin) follow(ctx context.Context, w *Watcher) {
	for {
		events, err := w.Next(ctx)
		if err != nil {
			return
		}
		b.own += len(events) - b.partly
		b.note(events[b.partly:])
		b.partly = 0
	}
}

// Whoever leads, refuses or leaves, each watcher sees every change that it is for, once and in order.
func TestEveryWatcherOfACircleSeesEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const names, each, rounds = 3, 12, 100
		s, c, r := filled(t, Limits{})
		circle := &Circle{}
		var sinks [names][each]*basin
		var reading sync.WaitGroup
		stay, stop := context.WithCancel(t.Context())
		defer stop()
		for name := range names {
			for i := range each {
				w := watchWith(t, r, WatchOptions{Namespace: "ns", Name: fmt.Sprint(name)})
				sink := &basin{refuses: func() bool { return i%3 == 1 && rand.IntN(4) == 0 }, sends: func() {}}
				sinks[name][i] = sink
				ctx := stay
				if i%4 == 3 { // goes while others are led by it
					var leave context.CancelFunc
					ctx, leave = context.WithCancel(stay)
					sink.sends = leave
				}
				w.Join(circle, sink)
				reading.Go(func() { sink.follow(ctx, w) })
			}
		}
		var written [names][]int64
		for range rounds {
			for name := range names {
				written[name] = append(written[name], put(t, s, fmt.Sprint("ns/", name), "1"))
			}
		}
		reach(t, c, written[names-1][rounds-1])
		drained(t, circle, r)
		stop()
		reading.Wait()
		for name := range names {
			for i, sink := range sinks[name] {
				got, want := sink.seen, written[name]
				if i%4 == 3 {
					want = want[:min(len(got), len(want))]
				}
				if !slices.Equal(got, want) {
					t.Errorf("watcher %d of %d saw %d of %d changes", i, name, len(got), len(want))
				}
			}
		}
	})
}

// hasLeft tells whether the wait of a watcher was ended.
func (w *Watcher) hasLeft() bool {
	w.armed.Lock()
	defer w.armed.Unlock()
	return w.waits != nil && w.waits.Err() != nil
}

// drained fails where somebody has anything left to look at when all wait. It is for a bubble.
func drained(t *testing.T, c *Circle, r *Resource) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	r.watchers.each(func(w *Watcher) {
		if w.pending && !w.hasLeft() {
			t.Error("a watcher waits while there are changes for it")
		}
	})
	if c.leader != nil || len(c.marked) > 0 {
		t.Errorf("%d watchers are left to look after, somebody leads: %t", len(c.marked), c.leader != nil)
	}
}

// While nobody refuses, nobody but the leader wakes: no event comes by Next, and they are sent together.
func TestOneLeadsTheCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const watchers = 20
		s, c, r := filled(t, Limits{})
		circle := &Circle{}
		var mu sync.Mutex
		sent := 0
		sinks := make([]*basin, watchers)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var reading sync.WaitGroup
		for i := range sinks {
			w := watchWith(t, r, WatchOptions{Namespace: "ns"})
			sinks[i] = &basin{refuses: func() bool { return false }, sends: func() { mu.Lock(); defer mu.Unlock(); sent++ }}
			w.Join(circle, sinks[i])
			reading.Go(func() { sinks[i].follow(ctx, w) })
		}
		parked(t, circle, r, watchers)
		reach(t, c, put(t, s, "ns/a", "1"))
		drained(t, circle, r)
		stop()
		reading.Wait()
		for i, sink := range sinks {
			if len(sink.seen) != 1 || sink.own > 0 {
				t.Errorf("watcher %d saw %d events, %d of them itself", i, len(sink.seen), sink.own)
			}
		}
		if sent != 1 {
			t.Errorf("they were sent %d times", sent)
		}
	})
}

// A panic of one sink is the panic of who calls Next for it, whoever leads. The others see every change.
func TestPanicInACircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const watchers = 8
		s, c, r := filled(t, Limits{})
		circle := &Circle{}
		sinks, panics := make([]*basin, watchers), make(chan any, watchers)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var reading sync.WaitGroup
		for i := range sinks {
			w := watchWith(t, r, WatchOptions{Namespace: "ns"})
			sinks[i] = &basin{refuses: func() bool { return false }, sends: func() {}}
			if i%2 == 1 {
				sinks[i].refuses = func() bool { panic(i) }
			}
			w.Join(circle, sinks[i])
			reading.Go(func() {
				defer w.Stop()
				defer func() {
					if problem := recover(); problem != nil {
						panics <- problem
					}
				}()
				sinks[i].follow(ctx, w)
			})
		}
		parked(t, circle, r, watchers)
		for range 3 {
			reach(t, c, put(t, s, "ns/a", "1"))
		}
		parked(t, circle, r, watchers/2)
		drained(t, circle, r)
		stop()
		reading.Wait()
		if len(panics) != watchers/2 {
			t.Errorf("%d watchers panicked", len(panics))
		}
		for i, sink := range sinks {
			if want := (i + 1) % 2 * 3; len(sink.seen) != want {
				t.Errorf("watcher %d saw %d events, wanted %d", i, len(sink.seen), want)
			}
		}
	})
}

// parked fails where not so many watchers are parked when all wait. It is for a bubble.
func parked(t *testing.T, c *Circle, r *Resource, want int) {
	t.Helper()
	synctest.Wait()
	is := 0
	r.mu.Lock()
	defer r.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	r.watchers.each(func(w *Watcher) {
		if w.parked {
			is++
		}
	})
	if is != want {
		t.Fatalf("%d of %d watchers are parked", is, want)
	}
}

// A bookmark comes by Next, also to a watcher whose events do not.
func TestBookmarkInACircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, r := filled(t, Limits{})
		w := watchWith(t, r, WatchOptions{Namespace: "ns", Bookmarks: time.Minute})
		circle := &Circle{}
		sink := &basin{refuses: func() bool { return false }, sends: func() {}}
		w.Join(circle, sink)
		bookmark := make(chan Event, 1)
		var reading sync.WaitGroup
		reading.Go(func() {
			if events, err := w.Next(t.Context()); err == nil {
				bookmark <- events[0]
			}
		})
		parked(t, circle, r, 1)
		reach(t, c, put(t, s, "ns/a", "1"))
		drained(t, circle, r)
		last := put(t, s, "other/a", "1")
		reach(t, c, last)
		reading.Wait() // a minute, in which nothing else happens
		if got := <-bookmark; got.Revision != last || got.Entry != nil || len(sink.seen) != 1 {
			t.Errorf("bookmark at %d after %d events, wanted one at %d after 1", got.Revision, len(sink.seen), last)
		}
	})
}
