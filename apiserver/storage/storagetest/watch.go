package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

var errEnough = errors.New("enough")

// collect returns the first n events after a revision.
func collect(t *testing.T, s storage.Store, after int64, n int) []storage.Event {
	t.Helper()
	var got []storage.Event
	err := s.Watch(within(t), storage.Root, after, func(events []storage.Event, _ int64) error {
		if got = append(got, events...); len(got) >= n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("watching after %d: %v after %d of %d events", after, err, len(got), n)
	}
	return got
}

func brief(events []storage.Event) (out []string) {
	for _, e := range events {
		out = append(out, fmt.Sprintf("%d %s=%s", e.Revision, e.Key[len(key("")):], e.Value))
	}
	return out
}

// writes makes a few changes and says what a watch must tell of them.
func writes(t *testing.T, s storage.Store, n int) (revisions []int64, want []string) {
	note := func(revision int64, name, value string) {
		revisions = append(revisions, revision)
		want = append(want, fmt.Sprintf("%d %s=%s", revision, name, value))
	}
	for i := range n {
		name, value := fmt.Sprintf("n%d", i%3), fmt.Sprint(i)
		note(put(t, s, name, value), name, value)
		if i%4 == 3 {
			note(remove(t, s, name), name, "")
		}
	}
	return revisions, want
}

func watchOrder(t *testing.T, s storage.Store) {
	start := put(t, s, "start", "1")
	results := make(chan []storage.Event, 1)
	const n = 40
	go func() { results <- collect(t, s, start, n+n/4) }()
	_, want := writes(t, s, n)
	if diff := cmp.Diff(want, brief(<-results)); diff != "" {
		t.Error(diff)
	}
}

func watchResume(t *testing.T, s storage.Store) {
	revisions, want := writes(t, s, 12)
	for i := range len(want) - 1 {
		if diff := cmp.Diff(want[i+1:], brief(collect(t, s, revisions[i], len(want)-i-1))); diff != "" {
			t.Errorf("after %d: %s", revisions[i], diff)
		}
	}
}

func watchAtomic(t *testing.T, s storage.Store) {
	start := put(t, s, "start", "1")
	const rounds, keys = 50, 5
	var writing sync.WaitGroup
	defer writing.Wait() // the last event may come before the write that it tells of has returned
	writing.Go(func() {
		for range rounds {
			var ops []storage.Op
			for i := range keys {
				ops = append(ops, storage.Op{Key: key(fmt.Sprint(i)), Value: []byte("x"), Expected: storage.Any})
			}
			commit(t, s, ops...)
		}
	})
	seen := 0
	err := s.Watch(within(t), storage.Root, start, func(events []storage.Event, progress int64) error {
		perRevision := map[int64]int{}
		for _, e := range events {
			perRevision[e.Revision]++
			if e.Revision > progress {
				return fmt.Errorf("event at %d, progress %d", e.Revision, progress)
			}
		}
		for revision, n := range perRevision {
			if n != keys {
				return fmt.Errorf("%d of %d events of revision %d in one batch", n, keys, revision)
			}
		}
		if seen += len(events); seen == rounds*keys {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Error(err)
	}
}

func watchProgress(t *testing.T, s storage.Store) {
	start := put(t, s, "start", "1")
	ctx, cancel := context.WithCancel(within(t))
	reached := make(chan int64, 1000)
	done := make(chan error, 1)
	go func() {
		done <- s.Watch(ctx, key(""), start, func(events []storage.Event, progress int64) error {
			if len(events) > 0 {
				return fmt.Errorf("unexpected events %v", brief(events))
			}
			reached <- progress
			return nil
		})
	}()
	for i := range 5 {
		commit(t, s, storage.Op{Key: "/elsewhere/" + fmt.Sprint(i), Value: []byte("1"), Expected: storage.Any})
	}
	want, err := s.Committed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for last := int64(0); last < want; {
		select {
		case last = <-reached:
		case err := <-done:
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended watch returned %v", err)
	}
}

func watchCompacted(t *testing.T, s storage.Store) {
	first := put(t, s, "a", "1")
	for range 5 {
		put(t, s, "a", "2")
	}
	last := put(t, s, "a", "3")
	if err := s.Compact(within(t), last); err != nil {
		t.Fatal(err)
	}
	err := s.Watch(within(t), storage.Root, first, func([]storage.Event, int64) error { return nil })
	if !errors.Is(err, storage.ErrCompacted) {
		t.Errorf("got %v, want %v", err, storage.ErrCompacted)
	}
	put(t, s, "a", "4")
	if got := collect(t, s, last, 1); string(got[0].Value) != "4" {
		t.Errorf("after the compaction's revision: %v", brief(got))
	}
}

// watchSlow holds the consumer up while more is written than any buffer between has room for.
func watchSlow(t *testing.T, s storage.Store) {
	start := put(t, s, "start", "1")
	const n, size = 600, 64 << 10
	written := make(chan struct{})
	go func() {
		defer close(written)
		value := make([]byte, size)
		for i := range n {
			put(t, s, fmt.Sprintf("n%d", i%10), string(value))
		}
	}()
	var last int64
	seen := 0
	err := s.Watch(within(t), storage.Root, start, func(events []storage.Event, _ int64) error {
		select {
		case <-written:
		case <-time.After(deadline):
			return errors.New("writers were held up by a slow watch")
		}
		for _, e := range events {
			if e.Revision <= last {
				return fmt.Errorf("revision %d after %d", e.Revision, last)
			}
			last = e.Revision
		}
		if seen += len(events); seen >= n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || seen != n {
		t.Errorf("%v after %d of %d events", err, seen, n)
	}
}
