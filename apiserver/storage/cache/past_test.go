package cache

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"
)

// awaitCollected returns when nobody holds the entry.
func awaitCollected(t *testing.T, e weak.Pointer[Entry]) {
	t.Helper()
	for end := time.Now().Add(deadline); e.Value() != nil; runtime.GC() {
		if time.Now().After(end) {
			t.Fatal("the entry is still held")
		}
	}
}

// weakly returns what does not hold the latest entry.
func weakly(t *testing.T, r *Resource, name string) weak.Pointer[Entry] {
	t.Helper()
	e, ok := r.Get("ns", name)
	if !ok {
		t.Fatalf("%s is not there", name)
	}
	return weak.Make(e)
}

// What was replaced or deleted is not held decoded, and is told of as it was.
func TestPastIsKeptAsBytes(t *testing.T) {
	s, c, r := filled(t, Limits{})
	first := put(t, s, "ns/a", "one")
	reach(t, c, first)
	replaced := weakly(t, r, "a")
	second := put(t, s, "ns/a", "two")
	reach(t, c, second)
	deleted := weakly(t, r, "a")
	third := remove(t, s, "ns/a")
	reach(t, c, third)
	awaitCollected(t, replaced)
	awaitCollected(t, deleted)

	began := watchWith(t, r, WatchOptions{After: first})
	if diff := cmp.Diff([]string{"MODIFIED ns/a=two@" + fmt.Sprint(second), "DELETED ns/a=two@" + fmt.Sprint(third)}, next(t, began, 2)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for revision, want := range map[int64]map[string]string{
		first: {"ns/a": "one@" + fmt.Sprint(first)}, second: {"ns/a": "two@" + fmt.Sprint(second)}, third: {},
	} {
		was, err := r.SnapshotAt(revision)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, state(was)); diff != "" {
			t.Errorf("state at %d (-want +got):\n%s", revision, diff)
		}
	}
}

// Everybody who is told of a change at the same time is shown one entry, so that it is encoded once.
func TestPastIsShared(t *testing.T) {
	s, c, r := filled(t, Limits{})
	first := put(t, s, "ns/a", "one")
	reach(t, c, put(t, s, "ns/a", "two"))
	reach(t, c, put(t, s, "ns/a", "three"))
	shown := func() *Entry {
		events, err := watchWith(t, r, WatchOptions{After: first}).Next(within(t))
		if err != nil {
			t.Fatal(err)
		}
		return events[0].Entry
	}
	one, other := shown(), shown()
	if one != other {
		t.Error("two watchers were shown two entries")
	}
	runtime.KeepAlive(one)
}
