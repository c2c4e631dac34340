package prefixed

import (
	"context"
	"errors"
	"strings"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// Under shows a store whose keys begin with prefix, "/mine/registry", as one whose keys begin with storage.Root: several
// clusters can share an etcd. Errors, records and events name the keys as its caller does.
func Under(prefix string, s storage.Store) storage.Store {
	prefix = strings.TrimRight(prefix, "/") + "/"
	if prefix == storage.Root {
		return s
	}
	return &under{Store: s, prefix: prefix}
}

type under struct {
	storage.Store
	prefix string
}

// key in the store below of one that callers use.
func (u *under) key(key string) string {
	if own, ok := strings.CutPrefix(key, storage.Root); ok {
		return u.prefix + own
	}
	return key // it is not of the cluster
}

// start is that of a prefix or the begin of a range, which may be shorter than the root.
func (u *under) start(prefix string) string {
	if strings.HasPrefix(prefix, storage.Root) {
		return u.key(prefix)
	}
	if strings.HasPrefix(storage.Root, prefix) { // everything there is
		return u.prefix
	}
	return prefix
}

func (u *under) record(r storage.Record) storage.Record {
	if own, ok := strings.CutPrefix(r.Key, u.prefix); ok {
		r.Key = storage.Root + own
	}
	return r
}

// Commit implements storage.Writer.
func (u *under) Commit(ctx context.Context, ops ...storage.Op) (int64, error) {
	below := make([]storage.Op, len(ops))
	for i, op := range ops {
		below[i] = op
		below[i].Key = u.key(op.Key)
	}
	revision, err := u.Store.Commit(ctx, below...)
	var conflict *storage.ConflictError
	if errors.As(err, &conflict) {
		current := u.record(conflict.Current)
		return 0, &storage.ConflictError{Key: current.Key, Expected: conflict.Expected, Current: current}
	}
	return revision, err
}

// Get implements storage.Reader.
func (u *under) Get(ctx context.Context, key string) (storage.Record, error) {
	r, err := u.Store.Get(ctx, u.key(key))
	if err != nil {
		return storage.Record{}, err
	}
	return u.record(r), nil
}

// Range implements storage.Reader.
func (u *under) Range(ctx context.Context, r storage.Range) (storage.Page, error) {
	r.Prefix = u.start(r.Prefix)
	if r.From != "" {
		r.From = u.start(r.From)
	}
	page, err := u.Store.Range(ctx, r)
	for i := range page.Records {
		page.Records[i] = u.record(page.Records[i])
	}
	return page, err
}

// Watch implements storage.Watchable.
func (u *under) Watch(ctx context.Context, prefix string, after int64, deliver func([]storage.Event, int64) error) error {
	return u.Store.Watch(ctx, u.start(prefix), after, func(events []storage.Event, progress int64) error {
		for i := range events {
			events[i].Record = u.record(events[i].Record)
		}
		return deliver(events, progress)
	})
}
