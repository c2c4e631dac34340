package kit

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/coxswain-k8s/coxswain/controllers/kit/events"
)

// Builder describes a controller, as controller-runtime's does. Where the manager has a Sight the controller sees its own writes: those
// of the kinds that it watches.
type Builder struct {
	inner   *builder.Builder
	mgr     manager.Manager
	options controller.Options
	watched []client.Object
	skipped func(schema.GroupResource)
}

// seeing is a manager whose controllers see their writes.
type seeing interface{ Sight() *Sight }

// manned is a manager whose controller has so many workers, 0 if it knows by itself.
type manned interface{ Workers() int }

// New starts the description of a controller. Names need not be unique in a process,
// since many clusters may live in one.
func New(mgr manager.Manager, name string) *Builder {
	return &Builder{inner: builder.ControllerManagedBy(mgr).Named(name), mgr: mgr, options: Options(4)}
}

// WithOptions sets the options of the queue (see Options).
func (b *Builder) WithOptions(options controller.Options) *Builder {
	b.options = options
	return b
}

// For says what is reconciled.
func (b *Builder) For(object client.Object, opts ...builder.ForOption) *Builder {
	b.inner.For(object, opts...)
	b.watched = append(b.watched, object)
	return b
}

// Watches says what else wakes.
func (b *Builder) Watches(object client.Object, eventHandler handler.EventHandler, opts ...builder.WatchesOption) *Builder {
	if len(opts) == 0 {
		b.inner.WatchesRawSource(events.Of(b.mgr.GetCache(), object, eventHandler))
	} else {
		b.inner.Watches(object, eventHandler, opts...)
	}
	b.watched = append(b.watched, object)
	return b
}

// Skipped has told each time that an object is not looked at because the cache of a resource does not show yet what the controller wrote.
func (b *Builder) Skipped(tell func(stale schema.GroupResource)) *Builder {
	b.skipped = tell
	return b
}

// WatchesRawSource says what wakes that is no kind.
func (b *Builder) WatchesRawSource(src source.Source) *Builder {
	b.inner.WatchesRawSource(src)
	return b
}

// Complete puts the controller on the manager.
func (b *Builder) Complete(r reconcile.Reconciler) error {
	_, err := b.Build(r)
	return err
}

// Build puts the controller on the manager and returns it.
func (b *Builder) Build(r reconcile.Reconciler) (controller.Controller, error) {
	if by, ok := b.mgr.(seeing); ok {
		h, err := b.hold(by.Sight(), r)
		if err != nil {
			return nil, err
		}
		r = h
	}
	if of, ok := b.mgr.(manned); ok && of.Workers() > 0 {
		b.options.MaxConcurrentReconciles = of.Workers()
	}
	built, err := b.inner.WithOptions(b.options).Build(r)
	if err != nil {
		return nil, fmt.Errorf("building controller: %w", err)
	}
	return built, nil
}

// hold has the controller wait for what it wrote.
func (b *Builder) hold(sight *Sight, r reconcile.Reconciler) (*holder, error) {
	h := sight.newHolder(r)
	h.skipped = b.skipped
	for _, object := range b.watched {
		kind, err := apiutil.GVKForObject(object, b.mgr.GetScheme())
		if err != nil {
			return nil, fmt.Errorf("building controller: %w", err)
		}
		if h.views[kind.GroupKind()] == nil {
			h.views[kind.GroupKind()] = sight.viewOf(kind.GroupKind(), object)
		}
	}
	h.scheme = b.mgr.GetScheme()
	b.options.NewQueue = h.holding(b.options.NewQueue)
	b.inner.WatchesRawSource(source.Func(func(ctx context.Context, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		for _, v := range h.views {
			sight.follow(ctx, v)
		}
		return nil
	}))
	return h, nil
}
