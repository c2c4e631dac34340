package kit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// patience is how long a request waits for what its last reconcile has written: a cache that does not show everything might never.
const patience = 5 * time.Second

// Sight is what the cache of a manager has shown of the writes of its controllers. A controller that has written something is not run
// again for the same object before it can see that:
//
//	Reconcile ──> Writer ──> echo: what the cache will show ──> an event shows it
//	                           │ until then a request for the same object      │
//	                           └──> is held ───────────────────────────────────┴──> queue
//
// A write that was refused, because the cache was behind, is waited for in the same way: a conflict for a newer object, a name that is
// taken for the object that has it. An echo is dropped when it has been heard, or after patience; there are no others.
type Sight struct {
	informers cache.Informers

	mu      sync.Mutex
	views   map[viewKey]*view
	holders []*holder
	open    int // echoes
	timer   *time.Timer
}

type viewKey struct {
	kind    schema.GroupKind
	partial bool // metadata only: informers of their own
}

// view is what a cache shows of one kind.
type view struct {
	sight    *Sight
	example  client.Object
	resource schema.GroupResource
	store    atomic.Pointer[toolscache.Store] // set when events are heard of
	high     atomic.Uint64                    // highest revision of which an event was
	open     atomic.Int64                     // echoes, so that events without cost nothing

	// guarded by the sight's mu
	echoes map[string][]*echo // by namespace/name
	order  []*echo            // those of objects that were written, as they were
}

// NewSight returns the sight that a manager's controllers share.
func NewSight(informers cache.Informers) *Sight {
	return &Sight{informers: informers, views: map[viewKey]*view{}}
}

// viewOf returns the view of a kind that a controller watches.
func (s *Sight) viewOf(kind schema.GroupKind, example client.Object) *view {
	_, partial := example.(*metav1.PartialObjectMetadata)
	key := viewKey{kind, partial}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[key]
	if v == nil {
		resource, _ := meta.UnsafeGuessKindToResource(kind.WithVersion(""))
		v = &view{sight: s, example: example, resource: resource.GroupResource(), echoes: map[string][]*echo{}}
		s.views[key] = v
	}
	return v
}

// follow hears the events of a kind until ctx ends. Where it cannot, nothing is waited for: the controller's own watch says what is wrong.
func (s *Sight) follow(ctx context.Context, v *view) {
	informer, err := s.informers.GetInformer(ctx, v.example, cache.BlockUntilSynced(false))
	if err != nil {
		log.FromContext(ctx).V(1).Info("a controller does not wait for what it writes", "kind", fmt.Sprintf("%T", v.example), "error", err.Error())
		return
	}
	shared, ok := informer.(toolscache.SharedIndexInformer)
	if !ok {
		return // a cache that has no store to look into
	}
	store := shared.GetStore()
	if !v.store.CompareAndSwap(nil, &store) {
		return // another controller hears them
	}
	registration, err := informer.AddEventHandler(v)
	if err != nil { // it has stopped
		v.store.Store(nil)
		return
	}
	context.AfterFunc(ctx, func() {
		_ = informer.RemoveEventHandler(registration)
		s.drop(v)
	})
}

// note remembers what will be heard of, unless it has been.
func (s *Sight) note(e *echo) {
	e.view.open.Add(1) // before looking: an event after that look is heard
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.shown(e.view.get(e.key)) {
		e.view.open.Add(-1)
		return
	}
	if s.open++; s.open == 1 {
		s.arm()
	}
	e.since = time.Now()
	e.to.open[e.request] = append(e.to.open[e.request], e)
	e.view.echoes[e.key] = append(e.view.echoes[e.key], e)
	if e.kind == written {
		e.view.order = append(e.view.order, e)
	}
}

// settle ends an echo, and with the last of them the wait of its request. It is called with mu.
func (s *Sight) settle(e *echo) {
	if e.heard {
		return
	}
	e.heard = true
	e.view.open.Add(-1)
	drop(e.view.echoes, e.key, e)
	if s.open--; s.open == 0 {
		s.timer.Stop()
	}
	if drop(e.to.open, e.request, e) {
		e.to.release(e.request)
	}
}

// drop takes one of the echoes of a key away, and says whether none is left.
func drop[K comparable](from map[K][]*echo, key K, e *echo) (last bool) {
	left := from[key]
	for i, other := range left {
		if other == e {
			left = append(left[:i:i], left[i+1:]...)
			break
		}
	}
	if len(left) == 0 {
		delete(from, key)
		return true
	}
	from[key] = left
	return false
}

// arm has what is never heard of end. It is called with mu.
func (s *Sight) arm() {
	if s.timer == nil {
		s.timer = time.AfterFunc(patience, s.expire)
		return
	}
	s.timer.Reset(patience)
}

// expire ends what has been waited for long enough.
func (s *Sight) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, h := range s.holders {
		for _, echoes := range h.open {
			for _, e := range append([]*echo(nil), echoes...) {
				if now.Sub(e.since) >= patience {
					s.settle(e)
				}
			}
		}
	}
	for _, v := range s.views {
		v.trim()
	}
	if s.open > 0 {
		s.timer.Reset(patience)
	}
}

// drop ends all that is waited for in a view that shows nothing more.
func (s *Sight) drop(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.store.Store(nil)
	for _, echoes := range v.echoes {
		for _, e := range append([]*echo(nil), echoes...) {
			s.settle(e)
		}
	}
	v.order = nil
}

// get is what the cache holds under a name.
func (v *view) get(key string) client.Object {
	store := v.store.Load()
	if store == nil {
		return nil
	}
	item, found, err := (*store).GetByKey(key)
	if err != nil || !found {
		return nil
	}
	obj, _ := item.(client.Object)
	return obj
}

// OnAdd implements toolscache.ResourceEventHandler.
func (v *view) OnAdd(obj any, _ bool) { v.on(obj, false) }

// OnUpdate implements toolscache.ResourceEventHandler.
func (v *view) OnUpdate(_, obj any) { v.on(obj, false) }

// OnDelete implements toolscache.ResourceEventHandler.
func (v *view) OnDelete(obj any) {
	if unknown, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = unknown.Obj
	}
	v.on(obj, true)
}

func (v *view) on(changed any, gone bool) {
	obj, ok := changed.(client.Object)
	if !ok {
		return
	}
	revision := revisionOf(obj)
	for high := v.high.Load(); revision > high && !v.high.CompareAndSwap(high, revision); high = v.high.Load() {
	}
	if v.open.Load() == 0 {
		return
	}
	v.sight.mu.Lock()
	defer v.sight.mu.Unlock()
	for _, e := range append([]*echo(nil), v.echoes[toolscache.MetaObjectToName(obj).String()]...) {
		if e.told(obj, gone) {
			v.sight.settle(e)
		}
	}
	v.trim()
}

// trim ends what was written at a revision that the cache has left behind: it came and went. It is called with the sight's mu.
func (v *view) trim() {
	n := 0
	for ; n < len(v.order) && (v.order[n].heard || v.order[n].revision <= v.high.Load()); n++ {
		v.sight.settle(v.order[n])
		v.order[n] = nil
	}
	if v.order = v.order[n:]; len(v.order) == 0 {
		v.order = nil
	}
}
