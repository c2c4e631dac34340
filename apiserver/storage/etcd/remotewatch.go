package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/backlog"
)

// watches of a client, and the revision that all of them are wanted to reach. An etcd tells a watch only of
// its own keys, so when others move the revision somebody has to ask for progress; asked is only when a
// reader wants it.
type watches struct {
	mu     sync.Mutex
	all    map[*progress]struct{}
	wanted int64
	serial int
}

// progress of one watch.
type progress struct {
	mu      sync.Mutex
	reached int64
	wanted  int64
	changed chan struct{}
}

// askAfter is how long a watch may stay behind before it is asked, and askEvery how often then.
const (
	askAfter = 5 * time.Millisecond
	askEvery = 50 * time.Millisecond
)

func (w *watches) want(revision int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wanted = max(w.wanted, revision)
	for p := range w.all {
		p.want(revision)
	}
}

func (w *watches) add(after int64) (p *progress, serial int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[*progress]struct{}{}
	}
	p = &progress{reached: after, wanted: w.wanted, changed: make(chan struct{}, 1)}
	w.all[p] = struct{}{}
	w.serial++
	notify(p.changed)
	return p, w.serial
}

func (w *watches) remove(p *progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, p)
}

func (p *progress) want(revision int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if revision > p.wanted {
		p.wanted = revision
		notify(p.changed)
	}
}

func (p *progress) reach(revision int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached = max(p.reached, revision)
}

func (p *progress) isBehind() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reached < p.wanted
}

// Watch implements storage.Watchable.
func (c *Client) Watch(ctx context.Context, prefix string, after int64,
	deliver func([]storage.Event, int64) error) error {
	p, serial := c.watches.add(after)
	defer c.watches.remove(p)
	// A stream of its own, so that a question about progress concerns no other watch; and none that hangs on
	// to a member without a leader.
	ctx = metadata.AppendToOutgoingContext(ctx, "watch", fmt.Sprint(serial))
	ctx, cancel := context.WithCancelCause(clientv3.WithRequireLeader(ctx))
	defer cancel(nil)
	responses := c.client.Watch(ctx, prefix, clientv3.WithRange(string(prefixEnd(prefix))),
		clientv3.WithRev(after+1), clientv3.WithProgressNotify())

	b := backlog.New()
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel(nil)
	helpers.Go(func() { cancel(readRemote(ctx, responses, prefix, b, p)) })
	helpers.Go(func() { c.ask(ctx, p) })
	return b.Drain(ctx, deliver)
}

func readRemote(ctx context.Context, responses clientv3.WatchChan, prefix string, b *backlog.Backlog, p *progress) error {
	for r := range responses {
		switch err := r.Err(); {
		case r.CompactRevision != 0:
			return fmt.Errorf("watching %s, compacted at %d: %w", prefix, r.CompactRevision, storage.ErrCompacted)
		case err != nil:
			return fmt.Errorf("watching %s: %w", prefix, translate(err))
		case r.Created:
			continue
		}
		events := make([]storage.Event, 0, len(r.Events))
		for _, e := range r.Events {
			events = append(events, event(e))
		}
		reached := r.Header.Revision
		if n := len(events); n > 0 {
			reached = events[n-1].Revision
		}
		if err := b.Put(ctx, events, reached); err != nil {
			return err
		}
		p.reach(reached)
	}
	return errors.Join(context.Cause(ctx), errors.New("etcd ended the watch"))
}

// ask requests progress while somebody wants a revision that the watch has not reached.
func (c *Client) ask(ctx context.Context, p *progress) {
	for {
		select {
		case <-p.changed:
		case <-ctx.Done():
			return
		}
		for wait := askAfter; p.isBehind(); wait = askEvery {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return
			}
			if p.isBehind() && c.client.RequestProgress(ctx) != nil {
				return // the watch ends by itself
			}
		}
	}
}

// notify whoever waits, once for all that it has not seen.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
