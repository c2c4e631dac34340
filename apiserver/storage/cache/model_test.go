package cache

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// model is the state after each revision, as the store's own events tell it.
type model map[int64]map[string]string

// record follows the store from its beginning until the revision last.
func record(t *testing.T, s storage.Store, last int64) model {
	t.Helper()
	m := model{}
	now := map[string]string{}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	_ = s.Watch(ctx, storage.Root, 1, func(events []storage.Event, progress int64) error {
		for i, e := range events {
			name := e.Key[len(thing("")):]
			if e.Deleted() {
				delete(now, name)
			} else {
				now[name] = fmt.Sprintf("%s@%d", e.Value, e.Revision)
			}
			if i == len(events)-1 || events[i+1].Revision != e.Revision {
				m[e.Revision] = maps.Clone(now)
			}
		}
		if progress >= last {
			cancel()
		}
		return nil
	})
	return m
}

// TestListThenWatchGivesEveryState lets writers race while readers list and watch from there on, and then
// compares what each reader had after each revision with the model.
func TestListThenWatchGivesEveryState(t *testing.T) {
	s, c, r := filled(t, Limits{})
	const writers, rounds, readers = 4, 150, 6
	var writing sync.WaitGroup
	for seed := range uint64(writers) {
		writing.Go(func() { scribble(t, s, seed, rounds) })
	}
	var mu sync.Mutex
	seen := map[int64][]map[string]string{}
	note := func(revision int64, state map[string]string) {
		mu.Lock()
		defer mu.Unlock()
		seen[revision] = append(seen[revision], maps.Clone(state))
	}
	stop := make(chan struct{})
	var reading sync.WaitGroup
	for i := range readers {
		reading.Go(func() { follow(t, c, r, i%3, stop, note) })
	}
	writing.Wait()
	last := put(t, s, "end/end", "x")
	reach(t, c, last)
	close(stop)
	reading.Wait()

	m := record(t, s, last)
	checked := 0
	for revision, want := range m {
		for _, got := range seen[revision] {
			checked++
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("at revision %d: %s", revision, diff)
			}
		}
		at, err := r.SnapshotAt(revision)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, state(at)); diff != "" || at.Revision != revision {
			t.Fatalf("snapshot at %d (%d): %s", revision, at.Revision, diff)
		}
	}
	t.Logf("%d states of %d revisions", checked, len(m))
}

// scribble writes at random: creations, updates, deletions, transactions.
func scribble(t *testing.T, s storage.Store, seed uint64, rounds int) {
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range rounds {
		var ops []storage.Op
		for j := range 1 + random.IntN(3) {
			op := storage.Op{
				Key:      thing(fmt.Sprintf("ns%d/n%d-%d", random.IntN(2), j, random.IntN(4))),
				Value:    fmt.Appendf(nil, "%d-%d", seed, i),
				Expected: storage.Any,
			}
			if random.IntN(4) == 0 {
				op.Value = nil
			}
			ops = append(ops, op)
		}
		_, _ = s.Commit(t.Context(), ops...) // deletions of what is not there fail, which is fine
	}
}

// follow lists and watches like a client until stopped, noting the state after each whole revision.
func follow(t *testing.T, c *Cache, r *Resource, kind int, stop <-chan struct{},
	note func(int64, map[string]string)) {
	now := map[string]string{}
	o := WatchOptions{Initial: true, InitialBookmark: true}
	if kind != 0 {
		snapshot := r.Snapshot()
		now = state(snapshot)
		note(snapshot.Revision, now)
		o = WatchOptions{After: max(snapshot.Revision, 1)}
	}
	w, err := r.Watch(t.Context(), o)
	if err != nil {
		t.Error(err)
		return
	}
	defer w.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-stop
		cancel()
	}()
	var revision int64
	initial := o.Initial
	for {
		events, err := w.Next(ctx)
		if err != nil {
			return
		}
		for _, e := range events {
			switch {
			case e.Type == watch.Bookmark:
				initial = false
				if e.Revision < revision {
					t.Errorf("bookmark at %d after an event at %d", e.Revision, revision)
				}
				revision = e.Revision
				continue
			case !initial && e.Revision < revision:
				t.Errorf("event at %d after %d", e.Revision, revision)
			case !initial && e.Revision != revision && revision != 0:
				note(revision, now)
			}
			if !initial {
				revision = e.Revision
			}
			merge(t, now, e, initial)
		}
	}
}

func merge(t *testing.T, now map[string]string, e Event, initial bool) {
	name := e.Entry.Namespace + "/" + e.Entry.Name
	_, had := now[name]
	if had != (e.Type != watch.Added) && !initial {
		t.Errorf("%s, had it: %v", brief(e), had)
	}
	if e.Type == watch.Deleted {
		delete(now, name)
		return
	}
	now[name] = fmt.Sprintf("%s@%d", valueOf(e.Entry), e.Entry.Revision)
}
