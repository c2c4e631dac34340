package events

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Of returns a source that tells a handler of every event of a kind.
func Of(from cache.Cache, object client.Object, to handler.EventHandler) source.SyncingSource {
	return &kind{cache: from, object: object, handler: to}
}

// kind is controller-runtime's source but for the context, which that makes anew for each event.
type kind struct {
	source.SyncingSource // since Start
	cache                cache.Cache
	object               client.Object
	handler              handler.EventHandler
}

// Start implements source.Source.
func (k *kind) Start(ctx context.Context, q queue) error {
	k.SyncingSource = source.Kind(&tellingCache{Cache: k.cache, teller: &teller{ctx: ctx, handler: k.handler, queue: q}}, k.object, k.handler)
	return k.SyncingSource.Start(ctx, q)
}

// String is how the source is called in logs.
func (k *kind) String() string { return fmt.Sprintf("kind source: %T", k.object) }

// tellingCache has informers that tell the teller instead of whom they are given.
type tellingCache struct {
	cache.Cache
	teller *teller
}

// GetInformer implements cache.Informers.
func (c *tellingCache) GetInformer(ctx context.Context, object client.Object, options ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := c.Cache.GetInformer(ctx, object, options...)
	if err != nil {
		return nil, err
	}
	return tellingInformer{informer, c.teller}, nil
}

type tellingInformer struct {
	cache.Informer
	teller *teller
}

// AddEventHandlerWithOptions implements cache.Informer.
func (i tellingInformer) AddEventHandlerWithOptions(_ toolscache.ResourceEventHandler, options toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.Informer.AddEventHandlerWithOptions(i.teller, options)
}

// teller calls a handler of controller-runtime.
type teller struct {
	ctx     context.Context // of the source
	handler handler.EventHandler
	queue   queue
}

// OnAdd implements cache.ResourceEventHandler.
func (t *teller) OnAdd(object any, initial bool) {
	if o, ok := object.(client.Object); ok {
		t.handler.Create(t.ctx, event.CreateEvent{Object: o, IsInInitialList: initial}, t.queue)
	}
}

// OnUpdate implements cache.ResourceEventHandler.
func (t *teller) OnUpdate(old, now any) {
	before, ok := old.(client.Object)
	after, both := now.(client.Object)
	if ok && both {
		t.handler.Update(t.ctx, event.UpdateEvent{ObjectOld: before, ObjectNew: after}, t.queue)
	}
}

// OnDelete implements cache.ResourceEventHandler.
func (t *teller) OnDelete(object any) {
	missed, unseen := object.(toolscache.DeletedFinalStateUnknown)
	if unseen {
		object = missed.Obj
	}
	if o, ok := object.(client.Object); ok {
		t.handler.Delete(t.ctx, event.DeleteEvent{Object: o, DeleteStateUnknown: unseen}, t.queue)
	}
}
