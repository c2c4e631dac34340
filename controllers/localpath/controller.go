package localpath

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Name is the controller's name in the list of all.
const Name = "localpath"

// Register puts the controller on mgr. It wakes when a claim is given to it or gets a node, when a class of its own comes,
// when a volume of its own changes, and when a Node goes.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	claims := &Claims{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, Provisioner)}
	waiting := predicate.NewPredicateFuncs(func(o client.Object) bool {
		claim, ok := o.(*corev1.PersistentVolumeClaim)
		return ok && asks(claim)
	})
	appears := predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }, DeleteFunc: func(event.DeleteEvent) bool { return false }}
	err := kit.New(mgr, Name).
		For(&corev1.PersistentVolumeClaim{}, builder.WithPredicates(waiting, predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Watches(&storagev1.StorageClass{}, handler.EnqueueRequestsFromMapFunc(claims.ofClass), builder.WithPredicates(appears)).
		Complete(reconcile.AsReconciler(claims.Client, claims))
	if err != nil {
		return err
	}
	volumes := &Volumes{Client: mgr.GetClient()}
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool {
		v, ok := o.(*corev1.PersistentVolume)
		return ok && provisioned(v)
	})
	goes := predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }, UpdateFunc: func(event.UpdateEvent) bool { return false }}
	return kit.New(mgr, Name+"-volumes").
		For(&corev1.PersistentVolume{}, builder.WithPredicates(ours)).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(volumes.onNode), builder.WithPredicates(goes)).
		Complete(reconcile.AsReconciler(volumes.Client, volumes))
}

// ofClass are the claims of a storage class that wait.
func (c *Claims) ofClass(ctx context.Context, class client.Object) []reconcile.Request {
	var all corev1.PersistentVolumeClaimList
	if err := c.Client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range all.Items {
		if claim := &all.Items[i]; asks(claim) && volume.GetPersistentVolumeClaimClass(claim) == class.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(claim)})
		}
	}
	return requests
}

// onNode are the volumes on a node.
func (c *Volumes) onNode(ctx context.Context, node client.Object) []reconcile.Request {
	var all corev1.PersistentVolumeList
	if err := c.Client.List(ctx, &all, client.UnsafeDisableDeepCopy, client.MatchingLabels{NodeLabel: NodeValue(node.GetName())}); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range all.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])})
	}
	return requests
}
