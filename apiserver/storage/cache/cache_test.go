package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

func TestLoadAndFollow(t *testing.T) {
	s := openStore(t)
	a := put(t, s, "ns/a", "1")
	put(t, s, "ns/gone", "1")
	remove(t, s, "ns/gone")
	c := New(s)
	r := c.Add(things(Limits{}))
	run(t, c)
	b := put(t, s, "other/b", "2")
	reach(t, c, b)
	want := map[string]string{"ns/a": fmt.Sprintf("1@%d", a), "other/b": fmt.Sprintf("2@%d", b)}
	snapshot := r.Snapshot()
	if diff := cmp.Diff(want, state(snapshot)); diff != "" || snapshot.Revision != b {
		t.Errorf("at %d, want %d: %s", snapshot.Revision, b, diff)
	}
	put(t, s, "ns/a", "3")
	reach(t, c, remove(t, s, "other/b"))
	if diff := cmp.Diff(want, state(snapshot)); diff != "" {
		t.Errorf("the snapshot changed: %s", diff)
	}
	if e, ok := r.Get("ns", "a"); !ok || valueOf(e) != "3" || e.Created != a {
		t.Errorf("got %v %v", e, ok)
	}
	if _, ok := r.Get("other", "b"); ok {
		t.Error("a deleted object is still there")
	}
}

// A list is kept for those who ask again; of what has changed since, and of nothing else, encodings are asked for. A snapshot stays as it was.
func TestEncodingsAreKept(t *testing.T) {
	s, c, r := filled(t, Limits{})
	first := put(t, s, "ns/a", "one")
	reach(t, c, first)
	made := 0
	list := func(snapshot Snapshot, namespace, key string) string {
		list, err := snapshot.Encodings(namespace, key, func(entries []*Entry) (all [][]byte, _ error) {
			made += len(entries)
			for _, e := range entries {
				all = append(all, []byte(key+valueOf(e)))
			}
			return all, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(bytes.Join(slices.Concat(list.Data()...), []byte(" ")))
	}
	was := r.Snapshot()
	after := func(key, value string) func() Snapshot {
		return func() Snapshot { reach(t, c, put(t, s, key, value)); return r.Snapshot() }
	}
	for i, step := range []struct {
		snapshot       func() Snapshot
		namespace, key string
		want           string
		made           int
	}{
		{r.Snapshot, "ns", "json:", "json:one", 1},
		{r.Snapshot, "ns", "json:", "json:one", 2},
		{r.Snapshot, "ns", "json:", "json:one", 2},
		{r.Snapshot, "", "json:", "json:one", 3},
		{r.Snapshot, "none", "json:", "", 3},
		{r.Snapshot, "ns", "proto:", "proto:one", 4},
		{after("ns/a", "two"), "ns", "json:", "json:two", 5},
		{func() Snapshot { return was }, "ns", "json:", "json:one", 5},
		{func() Snapshot {
			past, err := r.SnapshotAt(first)
			if err != nil {
				t.Fatal(err)
			}
			return past
		}, "ns", "json:", "json:one", 6},
		{r.Snapshot, "ns", "json:", "json:two", 6},
		{after("ns/b", "three"), "ns", "json:", "json:two json:three", 7},
		{func() Snapshot { reach(t, c, remove(t, s, "ns/a")); return r.Snapshot() }, "ns", "json:", "json:three", 7},
		{r.Snapshot, "", "json:", "json:three", 8},
		{after("other/a", "four"), "ns", "json:", "json:three", 8},
		{r.Snapshot, "", "json:", "json:three json:four", 9},
		{func() Snapshot {
			for i := range maxKeptChanges {
				put(t, s, "ns/b", fmt.Sprint(i))
			}
			return after("ns/a", "one")()
		}, "", "json:", "json:one json:511 json:four", 12},
		{r.Snapshot, "", "json:", "json:one json:511 json:four", 15},
		{r.Snapshot, "", "json:", "json:one json:511 json:four", 15},
	} {
		if got := list(step.snapshot(), step.namespace, step.key); got != step.want || made != step.made {
			t.Errorf("step %d: %q, made %d times; want %q, %d", i, got, made, step.want, step.made)
		}
	}
	for i := range 2 * maxKeptLists {
		for range 3 {
			list(r.Snapshot(), "ns", fmt.Sprint("key", i, ":"))
		}
	}
	if n := len(r.Snapshot().kept.lists); n > maxKeptLists {
		t.Errorf("%d lists are kept", n)
	}
}

// Lists that were asked for once, of namespaces that somebody looked into in passing, do not keep out one that is asked for again, whatever changes.
func TestListsInPassingKeepOutNone(t *testing.T) {
	s, c, r := filled(t, Limits{})
	put(t, s, "ns/a", "one")
	made := 0
	list := func(namespace string) {
		if _, err := r.Snapshot().Encodings(namespace, "json", func(entries []*Entry) ([][]byte, error) {
			made += len(entries)
			return make([][]byte, len(entries)), nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * maxKeptLists {
		list(fmt.Sprint("in-passing-", i))
	}
	reach(t, c, put(t, s, "ns/b", "two"))
	for range 4 {
		list("ns")
	}
	if made != 4 {
		t.Errorf("%d objects were encoded for a list of two that is asked for again: want 4", made)
	}
	for i := range 2 * maxKeptLists {
		list(fmt.Sprint("in-passing-", i))
	}
	if list("ns"); made != 4 {
		t.Errorf("others have taken its place: %d objects were encoded", made)
	}
}

func TestSnapshotAscendsWithinNamespaceAndFrom(t *testing.T) {
	s, c, r := filled(t, Limits{})
	for _, name := range []string{"a/1", "a/2", "a-b/1", "a0/1", "b/1"} {
		put(t, s, name, "x")
	}
	reach(t, c, put(t, s, "b/2", "x"))
	names := func(namespace, from string) (out []string) {
		r.Snapshot().Ascend(namespace, from, func(e *Entry) bool {
			out = append(out, e.Namespace+"/"+e.Name)
			return true
		})
		return out
	}
	for _, c := range []struct {
		namespace, from string
		want            []string
	}{
		{"a", "", []string{"a/1", "a/2"}},
		{"a", thing("a/1") + "\x00", []string{"a/2"}},
		{"", thing("a/2"), []string{"a/2", "a0/1", "b/1", "b/2"}},
		{"", "", []string{"a-b/1", "a/1", "a/2", "a0/1", "b/1", "b/2"}},
		{"none", "", nil},
	} {
		if diff := cmp.Diff(c.want, names(c.namespace, c.from)); diff != "" {
			t.Errorf("%q from %q: %s", c.namespace, c.from, diff)
		}
	}
}

func TestConsistentReadSeesForeignRevisions(t *testing.T) {
	s, c, r := filled(t, Limits{})
	revision, err := s.Commit(t.Context(), storage.Op{Key: "/elsewhere", Value: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WaitCommitted(within(t)); err != nil {
		t.Fatal(err)
	}
	if got := r.Snapshot().Revision; got < revision {
		t.Errorf("snapshot at %d, want %d", got, revision)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c.WaitFor(ctx, revision+1000); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for a future revision: %v", err)
	}
}

func TestEncodingIsMadeOnce(t *testing.T) {
	e := &Entry{}
	var made atomic.Int32
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			key := fmt.Sprint("k", i%2)
			got, err := e.Encoding(key, func() ([]byte, error) {
				made.Add(1)
				return []byte(key), nil
			})
			if err != nil || string(got) != key {
				t.Errorf("%s: %s %v", key, got, err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 2 {
		t.Errorf("made %d times", made.Load())
	}
}

func TestUndecodableRecordStopsNothing(t *testing.T) {
	s, c, r := filled(t, Limits{})
	w := watchWith(t, r, WatchOptions{})
	a1 := put(t, s, "ns/a", "1")
	put(t, s, "ns/a", "bad")
	put(t, s, "ns/b", "bad")
	c1 := put(t, s, "ns/c", "1")
	reach(t, c, c1)
	e, _ := r.Get("ns", "a")
	if e.Err == nil || string(e.Raw) != "bad" || e.Good() == nil || e.Good().Revision != a1 {
		t.Errorf("entry %+v", e)
	}
	if e, _ := r.Get("ns", "b"); e.Err == nil || e.Good() != nil {
		t.Errorf("entry %+v", e)
	}
	a2 := put(t, s, "ns/a", "2")
	put(t, s, "ns/a", "bad again")
	gone := remove(t, s, "ns/a")
	last := remove(t, s, "ns/b")
	reach(t, c, last)
	if r.Told() != gone || r.Changed() != last {
		t.Errorf("told of what was until %d, not %d, of %d", r.Told(), gone, r.Changed())
	}
	want := []string{
		fmt.Sprintf("ADDED ns/a=1@%d", a1), fmt.Sprintf("ADDED ns/c=1@%d", c1),
		fmt.Sprintf("MODIFIED ns/a=2@%d", a2), fmt.Sprintf("DELETED ns/a=2@%d", gone),
	}
	if diff := cmp.Diff(want, next(t, w, 4)); diff != "" {
		t.Error(diff)
	}
}

func TestKindsComeAndGo(t *testing.T) {
	s := openStore(t)
	put(t, s, "ns/a", "1")
	c := run(t, New(s))
	r := c.Add(things(Limits{}))
	if err := r.WaitReady(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Get("ns", "a"); !ok {
		t.Error("what was there before the kind is missing")
	}
	w := watchWith(t, r, WatchOptions{})
	put(t, s, "ns/b", "1")
	next(t, w, 1)
	c.Remove(thing(""))
	if _, err := w.Next(within(t)); !errors.Is(err, ErrRemoved) {
		t.Errorf("watching a removed kind: %v", err)
	}
	if _, err := r.Watch(within(t), WatchOptions{}); !errors.Is(err, ErrRemoved) {
		t.Errorf("watching a removed kind: %v", err)
	}
	again := c.Add(things(Limits{}))
	if err := again.WaitReady(within(t)); err != nil || again.Len() != 2 {
		t.Errorf("%d objects (%v), want 2", again.Len(), err)
	}
}

// A watcher that has not yet looked hears of the last changes of a kind before it hears that the kind is gone.
func TestTheLastChangesOfAKindAreTold(t *testing.T) {
	s, c, r := filled(t, Limits{})
	w, of := watchWith(t, r, WatchOptions{}), watchWith(t, r, WatchOptions{Namespace: "other"})
	a := put(t, s, "ns/a", "1")
	gone := remove(t, s, "ns/a")
	reach(t, c, gone)
	c.Remove(thing(""))
	if diff := cmp.Diff([]string{fmt.Sprintf("ADDED ns/a=1@%d", a), fmt.Sprintf("DELETED ns/a=1@%d", gone)}, next(t, w, 2)); diff != "" {
		t.Error(diff)
	}
	for _, w := range []*Watcher{w, of} {
		if events, err := w.Next(within(t)); !errors.Is(err, ErrRemoved) {
			t.Errorf("watching a removed kind: %v, %v", events, err)
		}
	}
}

func TestNarrowWatches(t *testing.T) {
	s, c, r := filled(t, Limits{Floor: 1, Events: 4})
	ns := watchWith(t, r, WatchOptions{Namespace: "ns"})
	one := watchWith(t, r, WatchOptions{Namespace: "ns", Name: "b"})
	named := watchWith(t, r, WatchOptions{Name: "b"})
	routed := watchWith(t, r, WatchOptions{Route: "x"})
	matched := watchWith(t, r, WatchOptions{Match: func(obj runtime.Object) bool {
		return obj.(*corev1.ConfigMap).Data["v"] == "y1"
	}})
	a := put(t, s, "ns/a", "y1")
	// Far more changes than the ring holds: watchers that they do not concern must not be too slow. The
	// others read along.
	for i := range 20 {
		reach(t, c, put(t, s, "busy/a", fmt.Sprint("z", i)))
		drainAll(t, named, matched, a, i)
	}
	b1 := put(t, s, "ns/b", "y1")
	b2 := put(t, s, "ns/b", "x2")
	b3 := remove(t, s, "ns/b")
	added, modified := fmt.Sprintf("ADDED ns/b=y1@%d", b1), fmt.Sprintf("MODIFIED ns/b=x2@%d", b2)
	deleted := fmt.Sprintf("DELETED ns/b=x2@%d", b3)
	for _, c := range []struct {
		name string
		w    *Watcher
		want []string
	}{
		{"name in namespace", one, []string{added, modified, deleted}},
		{"name", named, []string{added, modified, deleted}},
		{"route", routed, []string{fmt.Sprintf("ADDED ns/b=x2@%d", b2), deleted}},
		{"match", matched, []string{added, fmt.Sprintf("DELETED ns/b=y1@%d", b2)}},
	} {
		if diff := cmp.Diff(c.want, next(t, c.w, len(c.want))); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	// This one was told of ns/a and did not read while the ring turned.
	if _, err := ns.Next(within(t)); !errors.Is(err, storage.ErrCompacted) {
		t.Errorf("too slow a watcher: %v", err)
	}
}

// drainAll lets watchers that look at every change read on; the matching one is told of a at first.
func drainAll(t *testing.T, named, matched *Watcher, a int64, round int) {
	t.Helper()
	if round == 0 {
		if diff := cmp.Diff([]string{fmt.Sprintf("ADDED ns/a=y1@%d", a)}, next(t, matched, 1)); diff != "" {
			t.Error(diff)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, w := range []*Watcher{named, matched} {
		for {
			if _, err := w.Next(ended); errors.Is(err, context.Canceled) && !isPending(w) {
				break
			} else if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
	}
}

func isPending(w *Watcher) bool {
	w.r.mu.RLock()
	defer w.r.mu.RUnlock()
	return w.pending
}

func TestInitialEventsThenBookmarkThenChanges(t *testing.T) {
	s, c, r := filled(t, Limits{})
	a := put(t, s, "ns/a", "1")
	b := put(t, s, "ns/b", "1")
	reach(t, c, b)
	w := watchWith(t, r, WatchOptions{Initial: true, InitialBookmark: true})
	b2 := put(t, s, "ns/b", "2")
	want := []string{
		fmt.Sprintf("ADDED ns/a=1@%d", a), fmt.Sprintf("ADDED ns/b=1@%d", b),
		fmt.Sprintf("BOOKMARK@%d true", b), fmt.Sprintf("MODIFIED ns/b=2@%d", b2),
	}
	if diff := cmp.Diff(want, next(t, w, 4)); diff != "" {
		t.Error(diff)
	}
}

// Who follows is told of what there is and of what changes until they want no more, or until their time is over.
func TestFollowersAreToldUntilTheyHaveEnough(t *testing.T) {
	s, c, r := filled(t, Limits{})
	a := put(t, s, "ns/a", "1")
	reach(t, c, a)
	var told []string
	follow := func(ctx context.Context, enough int) error {
		return r.Follow(ctx, WatchOptions{Initial: true}, func(events []Event) bool {
			for _, e := range events {
				told = append(told, brief(e))
			}
			if len(told) == 1 {
				a = put(t, s, "ns/a", "2")
			}
			return len(told) < enough
		})
	}
	first := a
	if err := follow(within(t), 2); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{fmt.Sprintf("ADDED ns/a=1@%d", first), fmt.Sprintf("MODIFIED ns/a=2@%d", a)}, told); diff != "" {
		t.Error(diff)
	}
	ctx, end := context.WithCancel(within(t))
	end()
	if err := follow(ctx, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("at the end: %v", err)
	}
}

func TestInitialEventsComeInBatches(t *testing.T) {
	s, c, r := filled(t, Limits{})
	const n = 2*batchSize + 1
	for start := 0; start < n; start += storage.MaxOps {
		var ops []storage.Op
		for i := start; i < min(n, start+storage.MaxOps); i++ {
			ops = append(ops, storage.Op{Key: thing(fmt.Sprintf("ns/%04d", i)), Value: []byte("1")})
		}
		if _, err := s.Commit(t.Context(), ops...); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.WaitCommitted(within(t)); err != nil {
		t.Fatal(err)
	}
	w := watchWith(t, r, WatchOptions{Initial: true, InitialBookmark: true, Namespace: "ns"})
	seen := map[string]bool{}
	for range 3 {
		events, err := w.Next(within(t))
		if err != nil || len(events) > batchSize+1 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for _, e := range events {
			seen[brief(e)] = true
		}
	}
	if len(seen) != n+1 {
		t.Errorf("%d different events, want %d", len(seen), n+1)
	}
}

func TestBookmarksFollowTheRevisionAndNeverRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, r := filled(t, Limits{})
		w := watchWith(t, r, WatchOptions{Bookmarks: time.Minute})
		var got []string
		go func() {
			for {
				events, err := w.Next(t.Context())
				if err != nil {
					return
				}
				for _, e := range events {
					got = append(got, brief(e))
				}
			}
		}()
		var want []string
		for range 3 {
			revision, err := s.Commit(t.Context(), storage.Op{Key: "/elsewhere", Value: []byte("1"), Expected: storage.Any})
			if err != nil {
				t.Fatal(err)
			}
			reach(t, c, revision)
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			want = append(want, fmt.Sprintf("BOOKMARK@%d false", revision))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestOldChangesAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, r := filled(t, Limits{Floor: 2})
		var revisions []int64
		for i := range 100 {
			revisions = append(revisions, put(t, s, "ns/a", fmt.Sprint(i)))
		}
		reach(t, c, revisions[99])
		watchWith(t, r, WatchOptions{After: revisions[0]})
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if _, err := r.Watch(t.Context(), WatchOptions{After: revisions[96]}); !errors.Is(err, storage.ErrCompacted) {
			t.Errorf("old changes are still kept: %v", err)
		}
		watchWith(t, r, WatchOptions{After: revisions[97]})
		if n := len(r.ring.slots); n > 16 {
			t.Errorf("%d slots are kept", n)
		}
	})
}
