package histories

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/prefixed"
)

func embed(t *testing.T, config etcd.Config) *etcd.Member {
	t.Helper()
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	m, err := etcd.Embed(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// The model must refuse what is wrong, or all else says nothing.
func TestModelRefuses(t *testing.T) {
	at := func(client int, from, to int64, r request, a answer) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Call: from, Return: to, Input: r, Output: a}
	}
	wrote := func(value string) request { return request{Kind: write, Value: value, Expected: anyRevision} }
	read := func(value string, revision int64) answer {
		return answer{Outcome: done, Seen: [cells]record{{Value: value, Revision: revision}}}
	}
	for name, history := range map[string][]porcupine.Operation{
		"a stale read": {
			at(0, 0, 1, wrote("a"), answer{Outcome: done, Revision: 2}), at(0, 2, 3, wrote("b"), answer{Outcome: done, Revision: 3}),
			at(1, 4, 5, request{Kind: cachedGet}, read("a", 2)),
		},
		"a lost write":         {at(0, 0, 1, wrote("a"), answer{Outcome: done, Revision: 2}), at(1, 2, 3, request{Kind: get}, answer{Outcome: done})},
		"a revision goes back": {at(0, 0, 1, wrote("a"), answer{Outcome: done, Revision: 3}), at(1, 2, 3, wrote("b"), answer{Outcome: done, Revision: 2})},
		"half a transaction": {
			at(0, 0, 1, request{Kind: writeBoth, Value: "a"}, answer{Outcome: done, Revision: 2}),
			at(1, 2, 3, request{Kind: list}, answer{Outcome: done, Revision: 2, Seen: [cells]record{{Value: "a", Revision: 2}}}),
		},
		"a lost write happens twice": {
			at(0, 0, 3, wrote("a"), answer{Outcome: unknown}), at(1, 4, 5, request{Kind: get}, read("a", 2)), at(1, 6, 7, wrote("b"), answer{Outcome: done, Revision: 3}),
			at(1, 8, 9, request{Kind: get}, read("a", 4)),
		},
		"both creations win": {
			at(0, 0, 1, request{Kind: write, Value: "a"}, answer{Outcome: done, Revision: 2}), at(1, 0, 1, request{Kind: write, Value: "b"}, answer{Outcome: done, Revision: 3}),
		},
	} {
		if porcupine.CheckOperations(model, history) {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestStoreAndCacheAreLinearizable(t *testing.T) {
	t.Parallel()
	socket := "unix://" + filepath.Join(t.TempDir(), "s")
	member := embed(t, etcd.Config{UnsafeNoFsync: true, ClientURLs: []string{socket}})
	remote, err := etcd.Connect(t.Context(), etcd.Remote{Endpoints: []string{socket}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remote.Close() })
	for name, store := range map[string]storage.Store{
		"embedded": member, "outside": remote, "slow to tell": slow{member},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repeat(t, func() {
				ctx, cancel := context.WithTimeout(t.Context(), usual)
				defer cancel()
				observe(ctx, t, fresh(store), func(*cache.Cache) {})
			})
		})
	}
}

// fresh is a part of a store that nobody has written to.
func fresh(s storage.Store) storage.Store { return prefixed.Under("/"+rand.Text(), s) }

// observe checks what clients are told until ctx ends, while others disturb.
func observe(ctx context.Context, t *testing.T, store storage.Store, change func(*cache.Cache)) {
	t.Helper()
	running, stop := context.WithCancel(t.Context())
	defer stop()
	s, err := newServer(running, store, change)
	if err != nil {
		t.Fatal(err)
	}
	h := newHistory()
	others := disturb(ctx, t, s)
	if lost := h.run(ctx, s); len(lost) > 0 {
		t.Errorf("%d answers were lost", len(lost))
	}
	others.Wait()
	h.check(t)
}

// slow is late in telling what changed, so that the cache is behind.
type slow struct{ storage.Store }

func (s slow) Watch(ctx context.Context, prefix string, after int64, deliver func([]storage.Event, int64) error) error {
	return s.Store.Watch(ctx, prefix, after, func(events []storage.Event, progress int64) error {
		late := time.NewTimer(5 * time.Millisecond)
		defer late.Stop()
		select {
		case <-late.C:
		case <-ctx.Done():
		}
		return deliver(events, progress)
	})
}

// disturb compacts all the time, and watches with a reader that hardly reads. What it does see must be in order.
func disturb(ctx context.Context, t *testing.T, s *server) *sync.WaitGroup {
	t.Helper()
	var all sync.WaitGroup
	every := func(d time.Duration, do func()) {
		all.Go(func() {
			tick := time.NewTicker(d)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					do()
				case <-ctx.Done():
					return
				}
			}
		})
	}
	every(20*time.Millisecond, func() {
		if err := s.store.Compact(t.Context(), s.cache.Revision()); err != nil && !errors.Is(err, storage.ErrFuture) {
			t.Errorf("compacting: %v", err)
		}
	})
	w, err := s.kind.Watch(ctx, cache.WatchOptions{})
	if err != nil {
		t.Error(err)
		return &all
	}
	var last int64
	every(30*time.Millisecond, func() {
		events, err := w.Next(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, storage.ErrCompacted) {
			t.Errorf("watching slowly: %v", err)
		}
		for _, e := range events {
			if e.Revision < last {
				t.Errorf("event at %d after %d", e.Revision, last)
			}
			last = e.Revision
		}
	})
	return &all
}

// A clock that jumps, by an hour to and fro, makes the cache forget; it answers no worse for it.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	clock, member := testclock.NewFakeClock(time.Now()), embed(t, etcd.Config{UnsafeNoFsync: true})
	repeat(t, func() {
		ctx, cancel := context.WithTimeout(t.Context(), usual)
		defer cancel()
		var jumping sync.WaitGroup
		jumping.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for jump := time.Hour; ; jump = -jump {
				select {
				case <-tick.C:
					clock.SetTime(clock.Now().Add(jump))
				case <-ctx.Done():
					return
				}
			}
		})
		observe(ctx, t, fresh(member), func(c *cache.Cache) { c.Clock = clock })
		jumping.Wait()
	})
}
