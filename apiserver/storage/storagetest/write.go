package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

func createTwice(t *testing.T, s storage.Store) {
	op := storage.Op{Key: key("a"), Value: []byte("1")}
	revision := commit(t, s, op)
	want := storage.Record{Key: key("a"), Value: []byte("1"), Revision: revision, Created: revision}
	if diff := cmp.Diff(want, get(t, s, "a")); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Commit(within(t), op); !errors.Is(err, storage.ErrExists) {
		t.Errorf("second create: %v, want %v", err, storage.ErrExists)
	}
}

func updateConflict(t *testing.T, s storage.Store) {
	first := put(t, s, "a", "1")
	second := commit(t, s, storage.Op{Key: key("a"), Value: []byte("2"), Expected: first})
	_, err := s.Commit(within(t), storage.Op{Key: key("a"), Value: []byte("3"), Expected: first})
	wantConflict(t, err, storage.ConflictError{
		Key: key("a"), Expected: first,
		Current: storage.Record{Key: key("a"), Value: []byte("2"), Revision: second, Created: first},
	})
	_, err = s.Commit(within(t), storage.Op{Key: key("none"), Value: []byte("3"), Expected: first})
	if !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("update of a missing key: %v, want %v", err, storage.ErrNotFound)
	}
}

func wantConflict(t *testing.T, err error, want storage.ConflictError) {
	t.Helper()
	var conflict *storage.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
	if diff := cmp.Diff(want, *conflict); diff != "" {
		t.Error(diff)
	}
}

func deleteConflict(t *testing.T, s storage.Store) {
	first := put(t, s, "a", "1")
	second := put(t, s, "a", "2")
	_, err := s.Commit(within(t), storage.Op{Key: key("a"), Expected: first})
	wantConflict(t, err, storage.ConflictError{
		Key: key("a"), Expected: first,
		Current: storage.Record{Key: key("a"), Value: []byte("2"), Revision: second, Created: first},
	})
	third := commit(t, s, storage.Op{Key: key("a"), Expected: second})
	if third <= second {
		t.Errorf("deletion at revision %d, not above %d", third, second)
	}
	if _, err := s.Get(within(t), key("a")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("reading a deleted key: %v", err)
	}
	for _, expected := range []int64{second, storage.Any, 0} {
		_, err := s.Commit(within(t), storage.Op{Key: key("a"), Expected: expected})
		if expected != 0 && !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("deleting a missing key, expecting %d: %v", expected, err)
		}
	}
}

func transaction(t *testing.T, s storage.Store) {
	first := put(t, s, "a", "1")
	_, err := s.Commit(within(t),
		storage.Op{Key: key("b"), Value: []byte("1")},
		storage.Op{Key: key("a"), Value: []byte("2"), Expected: first + 100},
	)
	var conflict *storage.ConflictError
	if !errors.As(err, &conflict) || conflict.Key != key("a") {
		t.Errorf("got %v, want a conflict on a", err)
	}
	if _, err := s.Get(within(t), key("b")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the failed transaction wrote b: %v", err)
	}
	ops := []storage.Op{{Key: key("a"), Expected: first}}
	for i := range storage.MaxOps - 1 {
		ops = append(ops, storage.Op{Key: key("n" + strconv.Itoa(i)), Value: []byte("1")})
	}
	revision := commit(t, s, ops...)
	if r := get(t, s, "n7"); r.Revision != revision || r.Created != revision {
		t.Errorf("n7 is at revision %d, not %d", r.Revision, revision)
	}
}

// manyCreations: keys between those of a large transaction hinder it only where they are among them.
func manyCreations(t *testing.T, s storage.Store) {
	creations := func(prefix string) (ops []storage.Op) {
		for i := range storage.MaxOps {
			ops = append(ops, storage.Op{Key: key(fmt.Sprintf("%s%03d", prefix, i)), Value: []byte("1")})
		}
		return ops
	}
	put(t, s, "before", "1")
	put(t, s, "n000-between", "1")
	for _, prefix := range []string{"m", "n"} {
		ops := creations(prefix)
		slices.Reverse(ops[10:20])
		revision := commit(t, s, ops...)
		for _, name := range []string{"000", "007", "127"} {
			if r := get(t, s, prefix+name); r.Revision != revision || r.Created != revision {
				t.Errorf("%s is at revision %d, not %d", r.Key, r.Revision, revision)
			}
		}
	}
	put(t, s, "o127", "1")
	if _, err := s.Commit(within(t), creations("o")...); !errors.Is(err, storage.ErrExists) {
		t.Errorf("got %v, want that one exists", err)
	}
	if _, err := s.Get(within(t), key("o000")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the failed transaction wrote o000: %v", err)
	}
}

func sameKeyTwice(t *testing.T, s storage.Store) {
	op := storage.Op{Key: key("a"), Value: []byte("1"), Expected: storage.Any}
	if _, err := s.Commit(within(t), op, op); err == nil {
		t.Error("two operations on one key were accepted")
	}
	if _, err := s.Commit(within(t)); err == nil {
		t.Error("no operations were accepted")
	}
}

func overwrite(t *testing.T, s storage.Store) {
	first := put(t, s, "a", "1")
	second := put(t, s, "a", "2")
	want := storage.Record{Key: key("a"), Value: []byte("2"), Revision: second, Created: first}
	if diff := cmp.Diff(want, get(t, s, "a")); diff != "" {
		t.Error(diff)
	}
}

func emptyValue(t *testing.T, s storage.Store) {
	start := put(t, s, "a", "1")
	put(t, s, "a", "")
	if r := get(t, s, "a"); len(r.Value) != 0 {
		t.Errorf("value is %q", r.Value)
	}
	events := collect(t, s, start, 1)
	if events[0].Deleted() {
		t.Error("an empty value was reported as a deletion")
	}
}

func expiry(t *testing.T, s storage.Store) {
	start := commit(t, s, storage.Op{Key: key("a"), Value: []byte("1"), TTL: time.Second})
	put(t, s, "b", "1")
	events := collect(t, s, start, 2)
	gone := func(e storage.Event) bool { return e.Key == key("a") && e.Deleted() } // before b is there, on a slow machine
	if !slices.ContainsFunc(events, gone) {
		t.Errorf("got %v, want the deletion of a", events)
	}
	get(t, s, "b")
}

func contention(t *testing.T, s storage.Store) {
	const writers, rounds = 8, 20
	put(t, s, "counter", "0")
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				if err := increment(t, s); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if got, want := string(get(t, s, "counter").Value), strconv.Itoa(writers*rounds); got != want {
		t.Errorf("counter is %s, want %s", got, want)
	}
}

// increment retries with what the conflict says.
func increment(t *testing.T, s storage.Store) error {
	current, err := s.Get(t.Context(), key("counter"))
	for err == nil {
		n, _ := strconv.Atoi(string(current.Value))
		op := storage.Op{Key: current.Key, Value: []byte(strconv.Itoa(n + 1)), Expected: current.Revision}
		_, err = s.Commit(t.Context(), op)
		var conflict *storage.ConflictError
		if !errors.As(err, &conflict) {
			break
		}
		current, err = conflict.Current, nil
	}
	if err != nil {
		return fmt.Errorf("incrementing: %w", err)
	}
	return nil
}

func healthy(t *testing.T, s storage.Store) {
	if err := s.Healthy(within(t)); err != nil {
		t.Error(err)
	}
}
