package cache

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/google/btree"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// decode makes the entry of a record. What cannot be decoded becomes an entry with an error: one bad record
// stops nothing.
func (r *Resource) decode(ctx context.Context, record storage.Record) *Entry {
	e := &Entry{Key: record.Key, Revision: record.Revision, Created: record.Created, Raw: record.Value, Stale: record.Stale}
	e.Namespace, e.Name = splitKey(r.kind.Prefix, record.Key)
	if e.Err = record.Err; e.Err != nil {
		return e // as whoever could not decrypt it has reported
	}
	e.Object, e.Err = r.kind.Decode(record.Value, record.Revision)
	if e.Err == nil && r.kind.Stored != nil {
		e.Raw = nil
	}
	if e.Err != nil {
		e.Object = nil
		e.Err = fmt.Errorf("decoding %s at revision %d: %w", e.Key, e.Revision, e.Err)
		logr.FromContextOrDiscard(ctx).Error(e.Err, "Stored object cannot be decoded",
			"resource", r.kind.Name, "key", e.Key, "revision", e.Revision)
	}
	return e
}

// departed returns the object before a change with the revision of the change.
func (r *Resource) departed(c *change) *Entry {
	return c.gone.get(func() *Entry {
		was := c.previous.entry().Good()
		e := &Entry{
			Key: was.Key, Namespace: was.Namespace, Name: was.Name,
			Revision: c.revision, Created: was.Created, Raw: was.Raw,
		}
		value := was.Raw
		if value == nil && r.kind.Stored != nil {
			value = r.kind.Stored(was.Object)
		}
		if e.Object, e.Err = r.kind.Decode(value, c.revision); e.Err != nil {
			e.Object, e.Err = was.Object, nil // it was decoded before: better an old revision than none
		}
		return e
	})
}

// apply takes over changes of one batch, all at once. Entries are decoded before the lock is taken.
func (r *Resource) apply(ctx context.Context, events []storage.Event) {
	if r.postpone(events) {
		return
	}
	entries := make([]*Entry, len(events))
	for i := range events {
		if !events[i].Deleted() {
			entries[i] = r.decode(ctx, events[i].Record)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range events {
		r.applyOne(&events[i], entries[i])
	}
}

// postpone keeps changes for install when the resource is not loaded yet.
func (r *Resource) postpone(events []storage.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded {
		return false
	}
	r.pending = append(r.pending, events...)
	return true
}

// applyOne puts one change into the tree and the ring, and marks the watchers that it concerns. Without an entry it is a deletion.
func (r *Resource) applyOne(event *storage.Event, entry *Entry) {
	if event.Revision <= r.loadedAt {
		return // the load has seen it
	}
	var previous *Entry
	if entry != nil {
		previous, _ = r.tree.Get(entry)
	} else {
		previous, _ = getKey(r.tree, event.Key)
	}
	if entry == nil && previous == nil {
		return // a deletion of what was never seen
	}
	if entry != nil {
		r.tree.ReplaceOrInsert(entry)
		if entry.Err != nil {
			entry.good = previous.Good()
		}
	} else {
		r.tree.Delete(previous)
	}
	c := change{revision: event.Revision, entry: r.keep(entry), previous: r.keep(previous), at: r.cache.Clock.Now()}
	if previous != nil {
		c.gone = &shared{}
	}
	if r.snapshot != nil {
		r.snapshot, r.kept = nil, r.snapshot.kept.heir()
	}
	r.kept = r.kept.change(event.Key)
	r.revision = event.Revision
	if entry == nil && previous.Good() != nil || entry != nil && entry.Err == nil {
		r.told = event.Revision
	}
	r.watchers.mark(r, entry, previous, r.ring.push(c))
}

// install replaces everything by what was loaded at revision, then applies what came since.
func (r *Resource) install(ctx context.Context, entries []*Entry, revision int64) {
	tree := btree.NewG(degree, byKey)
	for _, e := range entries {
		tree.ReplaceOrInsert(e)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	first := !r.loaded
	r.tree, r.snapshot, r.kept = tree, nil, nil
	r.ring.reset(revision)
	r.revision, r.told, r.loadedAt, r.loaded = revision, revision, revision, true
	pending := r.pending
	r.pending = nil
	if !first {
		r.generation++
		r.watchers.each((*Watcher).signal)
		return
	}
	for i := range pending {
		var e *Entry
		if !pending[i].Deleted() {
			e = r.decode(ctx, pending[i].Record)
		}
		r.applyOne(&pending[i], e)
	}
	close(r.ready)
}

// installOnce installs unless a load of everything was faster.
func (r *Resource) installOnce(ctx context.Context, entries []*Entry, revision int64) {
	select {
	case <-r.ready:
	default:
		r.install(ctx, entries, revision)
	}
}

func (r *Resource) isGone() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.gone
}

// remove ends all watchers.
func (r *Resource) remove() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = true
	close(r.removed)
	r.watchers.each((*Watcher).signal)
}
