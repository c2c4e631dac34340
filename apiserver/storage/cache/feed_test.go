package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// breakable is a source whose watch can be made to fail.
type breakable struct {
	storage.Store
	mu     sync.Mutex
	cancel context.CancelCauseFunc
	hold   chan struct{} // when set, a new watch waits until it is closed
}

func (b *breakable) Watch(ctx context.Context, prefix string, after int64,
	deliver func([]storage.Event, int64) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	b.mu.Lock()
	b.cancel = cancel
	hold := b.hold
	b.mu.Unlock()
	if hold != nil {
		<-hold
	}
	return b.Store.Watch(ctx, prefix, after, deliver)
}

// fail ends the present watch; the next one begins when the returned function is called.
func (b *breakable) fail() (resume func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	hold := make(chan struct{})
	b.hold = hold
	b.cancel(errors.New("connection lost"))
	return func() { close(hold) }
}

func broken(t *testing.T) (*breakable, *Cache, *Resource) {
	t.Helper()
	b := &breakable{Store: openStore(t)}
	c := New(b)
	r := c.Add(things(Limits{}))
	run(t, c)
	reach(t, c, put(t, b, "ns/a", "1"))
	return b, c, r
}

func TestFeedResumesWhereItWas(t *testing.T) {
	b, _, r := broken(t)
	w := watchWith(t, r, WatchOptions{})
	resume := b.fail()
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("MODIFIED ns/a=%d@%d", i, put(t, b, "ns/a", fmt.Sprint(i))))
	}
	resume()
	if diff := cmp.Diff(want, next(t, w, 5)); diff != "" {
		t.Error(diff)
	}
}

func TestFeedLoadsAnewAfterACompaction(t *testing.T) {
	b, c, r := broken(t)
	w := watchWith(t, r, WatchOptions{})
	before := c.Revision()
	resume := b.fail()
	put(t, b, "ns/b", "1")
	remove(t, b, "ns/a")
	last := put(t, b, "ns/b", "2")
	if err := b.Compact(within(t), last); err != nil {
		t.Fatal(err)
	}
	resume()
	reach(t, c, last)
	if _, err := w.Next(within(t)); !errors.Is(err, storage.ErrCompacted) {
		t.Errorf("a watcher that missed changes got %v", err)
	}
	if _, err := r.Watch(within(t), WatchOptions{After: before}); !errors.Is(err, storage.ErrCompacted) {
		t.Errorf("resuming before the gap: %v", err)
	}
	if diff := cmp.Diff(map[string]string{"ns/b": fmt.Sprintf("2@%d", last)}, state(r.Snapshot())); diff != "" {
		t.Error(diff)
	}
	again := watchWith(t, r, WatchOptions{After: last})
	put(t, b, "ns/c", "1")
	next(t, again, 1)
}
