package localcache

import (
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// delivery tells the handlers of an informer what has changed, each of everything and in order:
//
//	batch ──> batch ──> batch ──> (empty)      changes that came together
//	  ^                    ^         ^
//	listener            listener   listener    each has its place
//
// A courier goes from one listener to the next and tells it of what it has not heard. While all are quick there is one
// courier: a change wakes one goroutine, however many listen, and none per listener. A handler that has kept a courier
// for slowAfter gets that one for itself, and another goes on with the others.
//
// What a listener has not heard is kept no longer than longest for each: beyond, changes of one object are told as one.
type delivery struct {
	mu        sync.Mutex
	more      sync.Cond
	end       *batch // the empty one that the next changes go into
	listeners []*listener
	turn      int // of the listener to begin with
	running   bool
	over      atomic.Bool // it ran, or waited in vain, and does no more
	couriers  int         // that are not kept by a slow handler
	calls     uint64
	watch     *time.Timer               // looks for a handler that keeps its courier
	watched   uint64                    // calls when it looked last
	await     func(revision int64) bool // until an end at that may be told of, false where it never may; nil for none
	done      sync.WaitGroup
}

const (
	// slowAfter is when others no longer wait for a handler.
	slowAfter = time.Second
	// longest is how many changes are kept for a listener before they are merged.
	longest = 16384
)

// notice is one change. old is set for a modification; now is a DeletedFinalStateUnknown where the last state was missed.
type notice struct {
	kind     watch.EventType
	key      string
	old, now any
}

// batch is changes that came together.
type batch struct {
	notices []notice
	first   bool  // all that there is when a listener begins
	after   int64 // the revision of the last end, or begin of one, among them, which is told of in its order (see order); 0 if there is none
	next    *batch
}

// add adds a change of a revision. For who owns a pod its end begins when it is to be deleted.
func (b *batch) add(n notice, revision int64) {
	if n.kind == "" {
		return
	}
	b.notices = append(b.notices, n)
	if n.kind == watch.Deleted || ends(n.now) && !ends(n.old) {
		b.after = revision
	}
}

func ends(object any) bool {
	o, ok := object.(metav1.Object)
	return ok && o.GetDeletionTimestamp() != nil
}

// listener is a handler and its place. It is the handler's registration, too.
type listener struct {
	*signal // set when it has been told of all that there was at first
	handler toolscache.ResourceEventHandler
	left    atomic.Bool

	// guarded by the delivery's mu
	at   *batch
	lag  int
	busy bool // a courier is with it
	slow bool // and stays
	// allowed is the lag at which changes are merged.
	allowed int
}

// HasSynced implements toolscache.ResourceEventHandlerRegistration.
func (l *listener) HasSynced() bool { return toolscache.IsDone(l) }

// HasSyncedChecker implements toolscache.ResourceEventHandlerRegistration.
func (l *listener) HasSyncedChecker() toolscache.DoneChecker { return l.signal }

func newDelivery() *delivery {
	d := &delivery{end: &batch{}}
	d.more.L = &d.mu
	return d
}

// start begins to call handlers, until stop, which waits for the last call.
func (d *delivery) start() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = true
	d.watch = time.AfterFunc(slowAfter, d.look)
	d.hire()
}

func (d *delivery) stop() {
	d.mu.Lock()
	d.running = false
	d.over.Store(true)
	d.watch.Stop()
	d.more.Broadcast()
	d.mu.Unlock()
	d.done.Wait()
}

// hire sends out another courier. It is called with mu.
func (d *delivery) hire() {
	d.couriers++
	d.arm()
	d.done.Go(d.courier)
}

// join adds a listener that hears of what comes, and of first before.
func (d *delivery) join(name string, handler toolscache.ResourceEventHandler, first *batch) *listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &listener{signal: newSignal(name), handler: handler, at: d.end, allowed: longest}
	if first != nil {
		first.next, l.at = d.end, first
	}
	d.listeners = append(d.listeners, l)
	d.more.Signal()
	return l
}

// leave removes a listener. A call to it may be under way.
func (d *delivery) leave(l *listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.left.Store(true)
	for i, other := range d.listeners {
		if other == l {
			d.listeners = append(d.listeners[:i:i], d.listeners[i+1:]...)
			return
		}
	}
}

// tell hands over changes. It waits for nobody.
func (d *delivery) tell(news *batch) {
	if len(news.notices) == 0 && !news.first {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// Listeners stand at the empty one, so it becomes the news.
	d.end.notices, d.end.first, d.end.after, d.end.next = news.notices, news.first, news.after, &batch{}
	d.end = d.end.next
	for _, l := range d.listeners {
		if l.lag += len(news.notices); l.lag > l.allowed {
			d.merge(l)
		}
	}
	d.more.Signal()
}

// merge leaves a listener one change of each object to hear of.
func (d *delivery) merge(l *listener) {
	merged := mergeAll(l.at, d.end)
	merged.next = d.end
	l.at, l.lag = merged, len(merged.notices)
	l.allowed = longest + 2*l.lag
}

// courier calls handlers until the end, or until it is one too many.
func (d *delivery) courier() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.running {
		l := d.next()
		if l == nil {
			d.watch.Stop()
			d.more.Wait()
			d.arm()
			continue
		}
		if d.visit(l) && d.couriers > 1 {
			d.couriers--
			return
		}
	}
}

// visit tells a listener of one batch, or of all if that is slow: it says whether others are no longer waiting.
func (d *delivery) visit(l *listener) (slow bool) {
	l.busy = true
	for d.running && l.at != d.end {
		news := l.at
		l.at = news.next
		if l.lag = max(0, l.lag-len(news.notices)); l.lag == 0 {
			l.allowed = longest
		}
		d.calls++
		d.mu.Unlock()
		if d.deliver(news, l) && news.first {
			l.set()
		}
		d.mu.Lock()
		if !l.slow || l.left.Load() {
			break
		}
	}
	if slow = l.slow; slow {
		d.couriers++
	}
	l.busy, l.slow = false, false
	return slow
}

// next is a listener that has something to hear, in turn, or nil.
func (d *delivery) next() *listener {
	for n := range d.listeners {
		i := (d.turn + n) % len(d.listeners)
		if l := d.listeners[i]; !l.busy && l.at != d.end {
			d.turn = i + 1
			return l
		}
	}
	return nil
}

// arm has look come if nothing gets on. It is called with mu.
func (d *delivery) arm() {
	if d.running {
		d.watched = d.calls
		d.watch.Reset(slowAfter)
	}
}

// look sends out another courier if the one there is has been with one listener since it was armed.
func (d *delivery) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls != d.watched {
		d.arm()
		return
	}
	for _, l := range d.listeners {
		if l.busy && !l.slow {
			l.slow = true
			d.couriers--
		}
	}
	if d.running && d.couriers == 0 {
		d.hire()
	}
}

// deliver calls a handler for each change. It returns false if the end, or that of the listener, came before that of the changes: then
// no more calls are made, for a handler may take its time for each.
func (d *delivery) deliver(b *batch, l *listener) bool {
	if b.after > 0 && d.await != nil && !d.await(b.after) {
		d.over.Store(true) // who waits ends, and nothing is told out of order for that
		return false
	}
	for i := range b.notices {
		if d.over.Load() || l.left.Load() {
			return false
		}
		switch n := &b.notices[i]; n.kind {
		case watch.Added:
			l.handler.OnAdd(n.now, b.first)
		case watch.Modified:
			l.handler.OnUpdate(n.old, n.now)
		case watch.Deleted:
			l.handler.OnDelete(n.now)
		}
	}
	return true
}
