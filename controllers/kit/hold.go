package kit

import (
	"context"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// ConflictDelay lets a change that was made at the same time as ours arrive, where nothing says when the cache shows it.
const ConflictDelay = 20 * time.Millisecond

// holder keeps the requests of a controller whose last writes the cache does not show yet out of its workers' hands.
type holder struct {
	sight  *Sight
	inner  reconcile.Reconciler
	scheme *runtime.Scheme
	views  map[schema.GroupKind]*view // of what it watches
	queue  queue
	// skipped is told of each request that is held, and of which resource the cache is behind; nil tells nobody.
	skipped func(stale schema.GroupResource)

	// guarded by the sight's mu
	open map[reconcile.Request][]*echo
	held map[reconcile.Request]struct{}
}

func (s *Sight) newHolder(inner reconcile.Reconciler) *holder {
	h := &holder{
		sight: s, inner: inner, views: map[schema.GroupKind]*view{}, open: map[reconcile.Request][]*echo{}, held: map[reconcile.Request]struct{}{},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holders = append(s.holders, h)
	return h
}

// round is one reconcile. The Writer finds it in the context.
type round struct {
	holder     *holder
	request    reconcile.Request
	conflicted atomic.Bool
}

type roundKey struct{}

// Reconcile implements reconcile.Reconciler.
func (h *holder) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	r := &round{holder: h, request: request}
	result, err := h.inner.Reconcile(context.WithValue(ctx, roundKey{}, r), request)
	if err == nil && result.RequeueAfter == ConflictDelay && r.conflicted.Load() && h.hold(request) != nil {
		return reconcile.Result{}, nil // the newer object wakes it
	}
	return result, err
}

// hold says what a request is to wait for of what its last reconcile has written: nil if for nothing. Otherwise it comes back by itself.
func (h *holder) hold(request reconcile.Request) *echo {
	h.sight.mu.Lock()
	defer h.sight.mu.Unlock()
	delete(h.held, request) // it is here: what is settled below need not bring it back
	for _, e := range append([]*echo(nil), h.open[request]...) {
		if e.shown(e.view.get(e.key)) { // the event is under way
			h.sight.settle(e)
			e.view.trim()
		}
	}
	if len(h.open[request]) == 0 {
		return nil
	}
	h.held[request] = struct{}{}
	return h.open[request][0]
}

// release lets a request go that is held. It is called with the sight's mu.
func (h *holder) release(request reconcile.Request) {
	if _, ok := h.held[request]; ok {
		delete(h.held, request)
		h.queue.Add(request)
	}
}

// viewOf is the view of an object's kind, nil where the controller does not watch that.
func (h *holder) viewOf(obj client.Object) *view {
	kind, err := apiutil.GVKForObject(obj, h.scheme)
	if err != nil {
		return nil
	}
	return h.views[kind.GroupKind()]
}

type (
	queue    = workqueue.TypedRateLimitingInterface[reconcile.Request]
	newQueue = func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) queue
)

// holding has the queues that inner makes held back.
func (h *holder) holding(inner newQueue) newQueue {
	return func(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) queue {
		h.queue = inner(name, limiter)
		return &heldQueue{h.queue, h}
	}
}

// heldQueue hands out what is not held.
type heldQueue struct {
	queue
	holder *holder
}

// Get implements workqueue.TypedInterface.
func (q *heldQueue) Get() (reconcile.Request, bool) {
	for {
		request, over := q.queue.Get()
		if over {
			return request, over
		}
		behind := q.holder.hold(request)
		if behind == nil {
			return request, over
		}
		if q.holder.skipped != nil {
			q.holder.skipped(behind.view.resource)
		}
		q.Done(request)
	}
}
