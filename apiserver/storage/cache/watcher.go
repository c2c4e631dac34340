package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// WatchOptions say which changes a watcher sees. The zero value: every change from now on.
type WatchOptions struct {
	// Namespace and Name narrow to a namespace, or to one object (Name in Namespace; for a resource without
	// namespaces Name alone). A Name without Namespace matches that name in every namespace.
	Namespace, Name string
	// Route narrows to objects for which Kind.Route returns it, before or after the change.
	Route string
	// Match is the selector; nil means all. An object that begins to match is ADDED, one that ceases to is
	// DELETED (as it was, with the revision of the change).
	Match func(obj runtime.Object) bool
	// After is the revision after which changes are wanted; 0 means from now on. It is not looked at with
	// Initial.
	After int64
	// Initial sends the state at the beginning as ADDED events; InitialBookmark then a bookmark with InitialEnd.
	Initial, InitialBookmark bool
	// Bookmarks is how often a bookmark is sent when the revision moved and no event came; 0 means never.
	Bookmarks time.Duration
}

// Event is what a watcher is told.
type Event struct {
	Type watch.EventType
	// Revision of the change (also the entry's), or of the bookmark.
	Revision int64
	// Entry after the change; for DELETED the last one before, with the revision of the change. It is nil
	// for a bookmark.
	Entry *Entry
	// InitialEnd marks the bookmark that ends the initial events.
	InitialEnd bool
}

// batchSize bounds what one Next returns, and scanSize what it looks at under the lock.
const (
	batchSize = 512
	scanSize  = 1024
)

// Watcher pulls the changes of a resource. It has no goroutine and no queue: it is a place in the resource's
// ring. Next is for one goroutine at a time. Stop must be called.
type Watcher struct {
	r    *Resource
	o    WatchOptions
	wake chan struct{}
	// key and prefix are the narrowing by name and namespace.
	key, prefix string

	// pending and position are guarded by r.mu (Next writes them under its read lock, which is enough: nobody
	// else touches them then). Without pending the watcher has seen everything; with it, the first change
	// that it may care for is at position.
	pending    bool
	position   uint64
	generation int

	// For Next alone.
	initial  *Snapshot
	cursor   string
	scratch  []change
	events   []Event
	revision int64 // up to which everything has been delivered
	sent     int64 // the last bookmark's or event's

	// What ends a wait beside a change says so here and signals: a wait on one channel costs a third of one on three.
	due, stopped atomic.Bool
	waits        context.Context // of the last wait

	// armed guards what Stop takes back.
	armed  sync.Mutex
	timer  clock.Timer // of the next bookmark
	forget func() bool // lets the end of waits go by

	place
}

// Watch starts a watcher. It waits until the resource is loaded. Errors: storage.ErrCompacted when changes
// after o.After are no longer kept, ErrRemoved.
func (r *Resource) Watch(ctx context.Context, o WatchOptions) (*Watcher, error) {
	if err := r.WaitReady(ctx); err != nil {
		return nil, err
	}
	w := &Watcher{r: r, o: o, wake: make(chan struct{}, 1), prefix: r.kind.Prefix}
	if o.Namespace != "" {
		w.prefix += o.Namespace + "/"
	}
	if o.Name != "" {
		w.key = w.prefix + o.Name
	}
	whole := r.cache.Revision()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return nil, fmt.Errorf("watching %s: %w", r.kind.Name, ErrRemoved)
	}
	w.generation = r.generation
	switch {
	case o.Initial:
		s := r.snapshotLocked(whole)
		w.initial, w.revision, w.o.After = &s, s.Revision, 0
	case o.After == 0:
		w.revision = max(whole, r.revision)
	case o.After < r.ring.floor:
		return nil, fmt.Errorf("watching %s after revision %d, kept from %d: %w",
			r.kind.Name, o.After, r.ring.floor, storage.ErrCompacted)
	default:
		w.revision = o.After
		w.position = r.ring.after(o.After)
		w.pending = w.position < r.ring.next
	}
	w.sent = w.revision
	r.watchers.add(w)
	return w, nil
}

// Follow tells of changes until each wants no more, which is no error, or watching fails.
func (r *Resource) Follow(ctx context.Context, o WatchOptions, each func(events []Event) (more bool)) error {
	w, err := r.Watch(ctx, o)
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		events, err := w.Next(ctx)
		if err != nil {
			return err
		}
		if !each(events) {
			return nil
		}
	}
}

var errStopped = errors.New("the watcher is stopped")

// Stop frees the watcher. A Next that waits fails.
func (w *Watcher) Stop() {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.watchers.remove(w)
	w.armed.Lock()
	defer w.armed.Unlock()
	w.stopped.Store(true)
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.forget != nil {
		w.forget()
	}
	w.signal()
}

// Revision up to which everything has been returned by Next. A bookmark may carry it.
func (w *Watcher) Revision() int64 { return w.revision }

// Bookmark catches up with the revision when nothing is waiting for Next, and returns a bookmark: what a
// server sends before it ends a watch. It belongs to the goroutine that calls Next.
func (w *Watcher) Bookmark() Event {
	if w.initial == nil {
		whole := w.r.cache.Revision()
		w.r.mu.RLock()
		if !w.pending && w.generation == w.r.generation {
			w.revision = max(w.revision, whole, w.r.revision)
		}
		w.r.mu.RUnlock()
	}
	w.sent = w.revision
	return Event{Type: watch.Bookmark, Revision: w.revision}
}

// Next returns the next events, in order, at least one; it waits for them. The slice is valid until the next
// call. Errors: storage.ErrCompacted when the watcher was too slow (the reader must list again), ErrRemoved,
// the cause of ctx's end.
func (w *Watcher) Next(ctx context.Context) ([]Event, error) {
	clear(w.events) // do not keep the past alive
	w.events = w.events[:0]
	if w.initial != nil {
		w.nextInitial()
		if len(w.events) > 0 {
			return w.events, nil
		}
	}
	for {
		more, err := w.pull()
		if err != nil || len(w.events) > 0 {
			return w.events, err
		}
		if more {
			continue
		}
		if err := w.wait(ctx); err != nil || len(w.events) > 0 {
			return w.events, err
		}
	}
}

// nextInitial returns a part of the initial state.
func (w *Watcher) nextInitial() {
	before := len(w.events)
	w.initial.Ascend(w.o.Namespace, w.cursor, func(e *Entry) bool {
		if len(w.events) == batchSize {
			w.cursor = e.Key
			return false
		}
		w.cursor = e.Key + "\x00"
		if good := w.visible(e); good != nil {
			w.events = append(w.events, Event{Type: watch.Added, Revision: good.Revision, Entry: good})
		}
		return true
	})
	w.r.listed.initial.Add(int64(len(w.events) - before))
	if len(w.events) == batchSize {
		return
	}
	if w.o.InitialBookmark {
		w.events = append(w.events, Event{Type: watch.Bookmark, Revision: w.initial.Revision, InitialEnd: true})
	}
	w.initial = nil
}

// pull turns waiting changes into events; more says that there may be more changes waiting.
func (w *Watcher) pull() (more bool, err error) {
	whole := w.r.cache.Revision() // before the look at the changes, which then cover it
	changes, more, err := w.take()
	if err != nil {
		return false, err
	}
	for i := range changes {
		if changes[i].revision > w.o.After {
			w.tell(&changes[i])
		}
	}
	if n := len(changes); n > 0 {
		w.revision = max(w.revision, changes[n-1].revision)
	}
	if !more {
		w.revision = max(w.revision, whole)
	}
	clear(changes)
	return more, nil
}

func (w *Watcher) take() (changes []change, more bool, err error) {
	r := w.r
	r.mu.RLock()
	defer r.mu.RUnlock()
	switch {
	case r.gone && !w.pending: // what came before it went is told first
		return nil, false, fmt.Errorf("watching %s: %w", r.kind.Name, ErrRemoved)
	case w.generation != r.generation:
		return nil, false, fmt.Errorf("watching %s, which was loaded anew: %w", r.kind.Name, storage.ErrCompacted)
	case !w.pending:
		return nil, false, nil
	case w.position < r.ring.first:
		return nil, false, fmt.Errorf("watching %s too slowly: %w", r.kind.Name, storage.ErrCompacted)
	}
	w.scratch = w.scratch[:0]
	end := min(r.ring.next, w.position+scanSize)
	for ; w.position < end && len(w.scratch) < batchSize; w.position++ {
		if c := r.ring.at(w.position); w.concerns(c) {
			w.scratch = append(w.scratch, *c)
		}
	}
	w.pending = w.position < r.ring.next
	return w.scratch, w.pending || r.gone, nil // of a kind that is gone, the next look finds that
}

// concerns tells whether a change is within the namespace and name.
func (w *Watcher) concerns(c *change) bool {
	return w.o.Namespace == "" && w.o.Name == "" || w.within(c.key())
}

func (w *Watcher) within(key string) bool {
	switch {
	case w.o.Name == "":
		return len(key) > len(w.prefix) && key[:len(w.prefix)] == w.prefix
	case w.o.Namespace != "":
		return key == w.key
	}
	_, name := splitKey(w.prefix, key)
	return name == w.o.Name
}

// tell appends what a change means to this watcher.
func (w *Watcher) tell(c *change) {
	now := c.entry.entry()
	if now != nil && now.Err != nil {
		return // nothing that could be shown; readers keep what they have
	}
	was, is := w.saw(c.previous), w.visible(now)
	switch {
	case is != nil && was:
		w.events = append(w.events, Event{Type: watch.Modified, Revision: c.revision, Entry: is})
	case is != nil:
		w.events = append(w.events, Event{Type: watch.Added, Revision: c.revision, Entry: is})
	case was:
		w.events = append(w.events, Event{Type: watch.Deleted, Revision: c.revision, Entry: w.r.departed(c)})
	default:
		return
	}
	w.sent = c.revision
}

// saw tells whether what a change replaced was visible. Who looks at no object needs none decoded.
func (w *Watcher) saw(p *past) bool {
	if p == nil || p.held == nil && w.o.Route == "" && w.o.Match == nil {
		return p != nil // take has looked at the name
	}
	return w.visible(p.entry()) != nil
}

// visible returns the entry to show of e, or nil when the watcher does not see it.
func (w *Watcher) visible(e *Entry) *Entry {
	if e = e.Good(); e == nil {
		return nil
	}
	switch {
	case w.o.Name != "" && e.Name != w.o.Name,
		w.o.Namespace != "" && e.Namespace != w.o.Namespace,
		w.o.Route != "" && w.r.kind.Route != nil && w.r.kind.Route(e.Object) != w.o.Route,
		w.o.Match != nil && !w.o.Match(e.Object):
		return nil
	}
	return e
}

// wait returns when there may be changes, or with a bookmark when one is due.
func (w *Watcher) wait(ctx context.Context) error {
	if w.waits != ctx {
		w.arm(ctx)
	}
	if !w.isWanted() {
		w.sleep()
	}
	if len(w.events) > 0 {
		return nil // which the sink did not take
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if w.stopped.Load() {
		return errStopped
	}
	if w.due.CompareAndSwap(true, false) {
		w.arm(ctx)
		last := w.sent
		if b := w.Bookmark(); b.Revision > last {
			w.events = append(w.events, b)
		}
	}
	return nil
}

// sleep returns when there is something to look at. Meanwhile events may go to the sink, and those that it did not take are left.
func (w *Watcher) sleep() {
	if w.circle == nil {
		<-w.wake
		return
	}
	w.circle.park(w)
	<-w.wake
	_ = w.r.Changed() // waits until all are marked whom the change that it was woken by concerns: their events leave together
	w.circle.unpark(w)
	if w.panicked != nil {
		panic(w.panicked)
	}
}

// isWanted tells whether a wait has ended, or a bookmark is due.
func (w *Watcher) isWanted() bool {
	return w.stopped.Load() || w.due.Load() || w.waits.Err() != nil
}

// arm has the end of ctx, and the time for the next bookmark, end a wait.
func (w *Watcher) arm(ctx context.Context) {
	w.armed.Lock()
	defer w.armed.Unlock()
	if w.forget != nil {
		w.forget()
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.stopped.Load() {
		return
	}
	w.waits, w.forget = ctx, context.AfterFunc(ctx, w.signal)
	if w.o.Bookmarks > 0 {
		w.timer = w.r.cache.Clock.AfterFunc(w.o.Bookmarks, func() {
			w.due.Store(true)
			w.signal()
		})
	}
}
