package podcontrol

import (
	"context"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Handler wakes the owner of an object that changed, and tells Pending what it saw.
type Handler struct {
	// Owner is the kind of the owners to wake.
	Owner schema.GroupKind
	// Pending, if set, observes each event before an owner is woken.
	Pending *Pending
	// Orphan, if set, names the owners that might adopt an object without an owner.
	Orphan func(ctx context.Context, obj client.Object) []types.NamespacedName
}

// EventHandler returns the handler for a controller's Watches.
func (h Handler) EventHandler() handler.EventHandler { return events{h} }

// events implements handler.EventHandler. (handler.Funcs reflects on each event whether it has priorities; these queues have none.)
type events struct{ h Handler }

// Create implements handler.EventHandler.
func (e events) Create(ctx context.Context, of event.CreateEvent, q queue) {
	e.h.changed(ctx, of.Object, q)
}

// Update implements handler.EventHandler.
func (e events) Update(ctx context.Context, of event.UpdateEvent, q queue) { e.h.updated(ctx, of, q) }

// Delete implements handler.EventHandler.
func (e events) Delete(_ context.Context, of event.DeleteEvent, q queue) {
	e.h.observe(of.Object)
	e.h.wakeOwner(of.Object, q)
}

// Generic implements handler.EventHandler.
func (events) Generic(context.Context, event.GenericEvent, queue) {}

func (h Handler) updated(ctx context.Context, e event.UpdateEvent, q queue) {
	before, after := metav1.GetControllerOfNoCopy(e.ObjectOld), metav1.GetControllerOfNoCopy(e.ObjectNew)
	released := before != nil && (after == nil || before.UID != after.UID)
	if released {
		h.wakeOwner(e.ObjectOld, q)
	}
	if after == nil && !released && maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) {
		h.observe(e.ObjectNew)
		return // an orphan that nobody wanted before
	}
	h.changed(ctx, e.ObjectNew, q)
}

func (h Handler) changed(ctx context.Context, obj client.Object, q queue) {
	h.observe(obj)
	if h.wakeOwner(obj, q) || h.Orphan == nil || obj.GetDeletionTimestamp() != nil {
		return
	}
	for _, name := range h.Orphan(ctx, obj) {
		q.Add(reconcile.Request{NamespacedName: name})
	}
}

func (h Handler) observe(obj client.Object) {
	if h.Pending != nil {
		h.Pending.Observe(obj)
	}
}

// wakeOwner says whether obj has a controlling owner, of whatever kind.
func (h Handler) wakeOwner(obj client.Object, q queue) bool {
	ref := metav1.GetControllerOfNoCopy(obj)
	if ref == nil {
		return false
	}
	group, err := schema.ParseGroupVersion(ref.APIVersion)
	if err == nil && group.Group == h.Owner.Group && ref.Kind == h.Owner.Kind {
		q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: ref.Name}})
	}
	return true
}
