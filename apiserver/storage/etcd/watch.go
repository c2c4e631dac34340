package etcd

import (
	"context"
	"fmt"
	"strings"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage/mvcc"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/backlog"
)

// Watch implements storage.Watchable. It follows all keys, not only those below prefix, so that progress is
// that of the whole store without asking for it.
func (m *Member) Watch(ctx context.Context, prefix string, after int64,
	deliver func([]storage.Event, int64) error) error {
	stream := m.server.Watchable().NewWatchStream()
	defer stream.Close()
	if _, err := stream.Watch(ctx, clientv3.AutoWatchID, []byte{0}, []byte{}, after+1); err != nil {
		return fmt.Errorf("watching %s: %w", prefix, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	b := backlog.New()
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel(nil)
	reader.Go(func() {
		cancel(m.read(ctx, stream.Chan(), prefix, b))
	})
	return b.Drain(ctx, deliver)
}

// read moves responses into the buffer as fast as they come: etcd parks a watcher that it finds not reading,
// and a parked watcher is behind by up to 100 ms.
func (m *Member) read(ctx context.Context, responses <-chan mvcc.WatchResponse, prefix string, b *backlog.Backlog) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.closing:
			return errClosed
		case <-m.server.StopNotify():
			return errClosed
		case r, ok := <-responses:
			switch {
			case !ok:
				return errClosed
			case r.CompactRevision != 0:
				return fmt.Errorf("watching %s, compacted at %d: %w", prefix, r.CompactRevision, storage.ErrCompacted)
			}
			if err := b.Put(ctx, translateEvents(r, prefix), progressOf(r)); err != nil {
				return err
			}
		}
	}
}

// progressOf a response is its last event's revision: the store may be further, but what lies between may
// not have been sent.
func progressOf(r mvcc.WatchResponse) int64 {
	if n := len(r.Events); n > 0 {
		return r.Events[n-1].Kv.ModRevision
	}
	return r.Revision
}

func translateEvents(r mvcc.WatchResponse, prefix string) []storage.Event {
	events := make([]storage.Event, 0, len(r.Events))
	for _, e := range r.Events {
		if strings.HasPrefix(string(e.Kv.Key), prefix) {
			events = append(events, event(e))
		}
	}
	return events
}
