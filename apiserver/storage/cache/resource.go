package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/btree"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// Kind says which keys a resource has and how to decode them.
type Kind struct {
	// Name for logs and metrics: "pods", "deployments.apps".
	Name string
	// Prefix of the keys, ending in a slash: "/registry/pods/".
	Prefix string
	// Namespaced kinds have a namespace in their keys, behind the prefix.
	Namespaced bool
	// Decode returns the object of a stored value, with metadata.resourceVersion set to revision. It is
	// called once per change, from several goroutines, and may keep parts of value.
	Decode func(value []byte, revision int64) (runtime.Object, error)
	// Stored returns the stored value of an object that Decode made, for kinds whose objects hold it; their entries keep none.
	// May be nil.
	Stored func(obj runtime.Object) []byte
	// StoredSize is how long that value is; set where Stored is.
	StoredSize func(obj runtime.Object) int
	// Route names what an object is routed by, like a pod's node, for watchers that narrow by it. May be nil.
	Route func(obj runtime.Object) string
	// Limits of the past that is kept; zero fields have defaults.
	Limits Limits
}

// Resource is the objects of one kind: the latest state and the way there.
type Resource struct {
	kind  Kind
	cache *Cache

	// ready is closed when the objects are loaded; removed when the kind was taken out.
	ready, removed chan struct{}

	mu sync.RWMutex
	// revision of the last change or load.
	revision int64
	// told is the revision of the last change that a watcher of everything hears of, or of the load.
	told     int64
	tree     *btree.BTreeG[*Entry]
	ring     ring
	watchers routes
	// generation counts loads after the first: a watcher of another generation has missed changes.
	generation int
	loaded     bool
	loadedAt   int64 // revision of the load
	gone       bool
	// pending holds changes that came while the objects were being loaded.
	pending []storage.Event

	snapshotMu sync.Mutex
	snapshot   *Snapshot
	kept       *keptLists // for the next snapshot; nil for none
	listed     listed
	waited     waited
}

// degree of the trees: a compromise between the depth of a lookup and what a write copies.
const degree = 32

func newResource(c *Cache, kind Kind) *Resource {
	return &Resource{
		kind: kind, cache: c,
		ready: make(chan struct{}), removed: make(chan struct{}),
		tree: btree.NewG(degree, byKey),
		ring: ring{limits: kind.Limits.withDefaults()},
	}
}

// Kind returns what the resource was added with.
func (r *Resource) Kind() Kind { return r.kind }

// Ready is closed when the resource has been loaded.
func (r *Resource) Ready() <-chan struct{} { return r.ready }

// WaitReady returns nil once the resource is loaded, and an error when ctx ends or the kind is removed.
func (r *Resource) WaitReady(ctx context.Context) error {
	select {
	case <-r.ready:
		return nil
	default:
	}
	select {
	case <-r.ready:
		return nil
	case <-r.removed:
		return fmt.Errorf("waiting for %s: %w", r.kind.Name, ErrRemoved)
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s: %w", r.kind.Name, context.Cause(ctx))
	}
}

// Get returns the latest entry. For a resource without namespaces, namespace is "".
func (r *Resource) Get(namespace, name string) (*Entry, bool) {
	return r.GetKey(joinKey(r.kind.Prefix, namespace, name))
}

// GetKey returns the latest entry of a storage key.
func (r *Resource) GetKey(key string) (*Entry, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return getKey(r.tree, key)
}

// getKey finds an entry. What is looked for has a key and nothing else, and serves again.
func getKey(tree *btree.BTreeG[*Entry], key string) (*Entry, bool) {
	wanted := pivots.Get().(*Entry)
	wanted.Key = key
	found, ok := tree.Get(wanted)
	wanted.Key = ""
	pivots.Put(wanted)
	return found, ok
}

// pivots are entries with nothing but a key, to find others by.
//
// A pool holds memory, not state.
var pivots = sync.Pool{New: func() any { return new(Entry) }}

// Len is the number of objects.
func (r *Resource) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.tree.Len()
}

// Changed returns the revision of the last change, so that what was computed from the objects can be kept until
// it is another.
func (r *Resource) Changed() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.revision
}

// Told returns the revision of the last change of which a watcher of everything is told: what cannot be decoded is none.
func (r *Resource) Told() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.told
}

// Snapshot returns the latest state. Its revision is that of the whole cache, or of the resource's last
// change when that is newer.
func (r *Resource) Snapshot() Snapshot {
	whole := r.cache.Revision() // before the state is looked at: it may then be newer, never older
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.snapshotLocked(whole)
}

// snapshotLocked needs mu held, for reading at least.
func (r *Resource) snapshotLocked(whole int64) Snapshot {
	r.snapshotMu.Lock()
	defer r.snapshotMu.Unlock()
	if r.snapshot == nil {
		r.snapshot = &Snapshot{prefix: r.kind.Prefix, tree: r.tree.Clone(), kept: r.kept}
		if r.kept = nil; r.snapshot.kept == nil {
			r.snapshot.kept = &keptLists{}
		}
	}
	s := *r.snapshot
	s.Revision = max(whole, r.revision)
	return s
}

// SnapshotAt returns the state as of a revision that is still kept: it undoes the later changes on a copy.
// Errors: storage.ErrCompacted, and storage.ErrFuture when the cache is not there yet.
func (r *Resource) SnapshotAt(revision int64) (Snapshot, error) {
	whole := r.cache.Revision()
	r.mu.RLock()
	latest := r.snapshotLocked(whole)
	if revision > latest.Revision {
		r.mu.RUnlock()
		return Snapshot{}, fmt.Errorf("revision %d of %s: %w", revision, r.kind.Name, storage.ErrFuture)
	}
	if revision < r.ring.floor || !r.loaded {
		r.mu.RUnlock()
		return Snapshot{}, fmt.Errorf("revision %d of %s: %w", revision, r.kind.Name, storage.ErrCompacted)
	}
	first := r.ring.after(revision)
	undo := make([]change, 0, r.ring.next-first)
	for seq := r.ring.next; seq > first; seq-- {
		undo = append(undo, *r.ring.at(seq - 1))
	}
	r.mu.RUnlock()

	latest.Revision = revision
	if len(undo) > 0 {
		latest.tree, latest.kept = r.undo(latest, undo), nil
	}
	return latest, nil
}

func (r *Resource) undo(s Snapshot, changes []change) *btree.BTreeG[*Entry] {
	r.snapshotMu.Lock() // cloning marks the original: one at a time
	tree := s.tree.Clone()
	r.snapshotMu.Unlock()
	for _, c := range changes {
		if c.previous == nil {
			tree.Delete(c.entry.stub())
		} else {
			tree.ReplaceOrInsert(c.previous.stub())
		}
	}
	return tree
}

// Figures are what there is to say of a resource in numbers.
type Figures struct {
	// Events is how many changes have come since the start.
	Events uint64
	// Loads is how often all objects were loaded.
	Loads int
	// Capacity is how many changes there is room for at the moment, Grown and Shrunk how often that became more and less.
	Capacity, Grown, Shrunk int
	// Initial is how many objects were sent to watchers that begin with what there is.
	Initial int64
	// Revision of the last change or load.
	Revision int64
	// Lists is how often objects were listed, Consistent how often as they are now. Fetched are those that were looked at, Returned those chosen.
	Lists, Consistent, Fetched, Returned int64
	// Waits are how long it took until there was what had to be read.
	Waits Waits
}

// listed counts lists, and what watchers begin with.
type listed struct{ lists, consistent, fetched, returned, initial atomic.Int64 }

// Listed counts a list: whether it was of the objects as they are now, how many were looked at, and how many were chosen.
func (r *Resource) Listed(consistent bool, fetched, returned int) {
	r.listed.lists.Add(1)
	if consistent {
		r.listed.consistent.Add(1)
	}
	r.listed.fetched.Add(int64(fetched))
	r.listed.returned.Add(int64(returned))
}

// Waits are how often readers waited for so long: by the bounds of WaitBounds, and longer than the last.
type Waits struct {
	Counts [len(waitBounds) + 1]int64
	Sum    time.Duration
}

// waitBounds are in seconds.
var waitBounds = [...]float64{0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3}

// WaitBounds are in seconds.
func WaitBounds() []float64 { return waitBounds[:] }

type waited struct {
	counts [len(waitBounds) + 1]atomic.Int64
	sum    atomic.Int64
}

// Waited counts for how long a reader waited until what it asked for was here.
func (r *Resource) Waited(took time.Duration) {
	slot := 0
	for slot < len(waitBounds) && took.Seconds() > waitBounds[slot] {
		slot++
	}
	r.waited.counts[slot].Add(1)
	r.waited.sum.Add(int64(took))
}

func (w *waited) figures() (f Waits) {
	for i := range w.counts {
		f.Counts[i] = w.counts[i].Load()
	}
	f.Sum = time.Duration(w.sum.Load())
	return f
}

// Figures are counted anyway: to ask costs nothing to anybody else.
func (r *Resource) Figures() Figures {
	r.mu.RLock()
	defer r.mu.RUnlock()
	f := Figures{
		Events: r.ring.next, Loads: r.generation, Capacity: len(r.ring.slots), Revision: r.revision, Lists: r.listed.lists.Load(),
		Consistent: r.listed.consistent.Load(), Fetched: r.listed.fetched.Load(), Returned: r.listed.returned.Load(),
		Waits: r.waited.figures(), Grown: r.ring.grown, Shrunk: r.ring.shrunk, Initial: r.listed.initial.Load(),
	}
	if r.loaded {
		f.Loads++
	}
	return f
}
