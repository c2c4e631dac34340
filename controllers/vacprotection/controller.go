package vacprotection

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "vacprotection"

const finalizer = "kubernetes.io/vac-protection"

// Controller reconciles the finalizer of VolumeAttributesClass objects.
type Controller struct {
	Client client.Client
	// Live reads past the cache: a claim may just have been created.
	Live client.Reader
}

// Reconcile adds the finalizer to a class, and removes it from a deleted one that nothing has.
func (c *Controller) Reconcile(ctx context.Context, class *storagev1.VolumeAttributesClass) (reconcile.Result, error) {
	protected, deleting := slices.Contains(class.Finalizers, finalizer), class.DeletionTimestamp != nil
	if protected == !deleting {
		return reconcile.Result{}, nil
	}
	if deleting {
		if used, err := c.inUse(ctx, class.Name); used || err != nil {
			return reconcile.Result{}, err // what has it wakes us when it changes
		}
	}
	_, _, err := patch.Object(ctx, c.Client, class, func(changed *storagev1.VolumeAttributesClass) {
		if !deleting {
			changed.Finalizers = append(changed.Finalizers, finalizer)
			return
		}
		changed.Finalizers = slices.DeleteFunc(changed.Finalizers, func(f string) bool { return f == finalizer })
	})
	return patch.Result(reconcile.Result{}, err)
}

// inUse looks for claims and volumes of the class, in the cache and, when that has none, past it.
func (c *Controller) inUse(ctx context.Context, name string) (bool, error) {
	for _, reader := range []client.Reader{c.Client, c.Live} {
		var claims corev1.PersistentVolumeClaimList
		var volumes corev1.PersistentVolumeList
		if err := reader.List(ctx, &claims); err != nil {
			return false, fmt.Errorf("listing claims: %w", err)
		}
		if err := reader.List(ctx, &volumes); err != nil {
			return false, fmt.Errorf("listing volumes: %w", err)
		}
		for i := range claims.Items {
			if slices.Contains(classes(&claims.Items[i]), name) {
				return true, nil
			}
		}
		for i := range volumes.Items {
			if slices.Contains(classes(&volumes.Items[i]), name) {
				return true, nil
			}
		}
	}
	return false, nil
}

// classes that a claim or a volume has, had or is to have.
func classes(obj client.Object) []string {
	var names []string
	add := func(name *string) {
		if name != nil && *name != "" {
			names = append(names, *name)
		}
	}
	switch o := obj.(type) {
	case *corev1.PersistentVolumeClaim:
		add(o.Spec.VolumeAttributesClassName)
		add(o.Status.CurrentVolumeAttributesClassName)
		if modify := o.Status.ModifyVolumeStatus; modify != nil {
			add(&modify.TargetVolumeAttributesClassName)
		}
	case *corev1.PersistentVolume:
		add(o.Spec.VolumeAttributesClassName)
	}
	return names
}

func requests(names []string) []reconcile.Request {
	var all []reconcile.Request
	for _, name := range names {
		all = append(all, reconcile.Request{NamespacedName: client.ObjectKey{Name: name}})
	}
	return all
}

// leaves wakes the classes that something no longer has.
func leaves() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []reconcile.Request { return requests(classes(obj)) })
}

// Register puts the controller on mgr. It wakes when a class changes, and when a claim or a volume gives one up.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Live: mgr.GetAPIReader()}
	changes := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool { return !slices.Equal(classes(e.ObjectOld), classes(e.ObjectNew)) },
	}
	return kit.New(mgr, Name).
		For(&storagev1.VolumeAttributesClass{}).
		Watches(&corev1.PersistentVolumeClaim{}, leaves(), builder.WithPredicates(changes)).
		Watches(&corev1.PersistentVolume{}, leaves(), builder.WithPredicates(changes)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
