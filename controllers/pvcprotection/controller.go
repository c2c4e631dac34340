package pvcprotection

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Name is the controller's name in the list of all.
const Name = "pvcprotection"

const finalizer = "kubernetes.io/pvc-protection"

// Controller reconciles the finalizer of PersistentVolumeClaim objects.
type Controller struct {
	Client client.Client
	// Live reads past the cache: a pod may just have been created.
	Live client.Reader
}

// Reconcile adds the finalizer to a claim, and removes it from a deleted one that no pod
// uses.
func (c *Controller) Reconcile(ctx context.Context, claim *corev1.PersistentVolumeClaim) (reconcile.Result, error) {
	protected := slices.Contains(claim.Finalizers, finalizer)
	deleting := claim.DeletionTimestamp != nil
	if protected == !deleting {
		return reconcile.Result{}, nil
	}
	if deleting {
		if used, err := c.inUse(ctx, claim); used || err != nil {
			return reconcile.Result{}, err // the pod's end wakes us
		}
	}
	_, _, err := patch.Object(ctx, c.Client, claim, func(changed *corev1.PersistentVolumeClaim) {
		if !deleting {
			changed.Finalizers = append(changed.Finalizers, finalizer)
			return
		}
		changed.Finalizers = slices.DeleteFunc(changed.Finalizers, func(f string) bool { return f == finalizer })
	})
	return patch.Result(reconcile.Result{}, err)
}

// inUse looks for pods with the claim, in the cache and, when that has none, past it.
func (c *Controller) inUse(ctx context.Context, claim *corev1.PersistentVolumeClaim) (bool, error) {
	for _, reader := range []client.Reader{c.Client, c.Live} {
		var pods corev1.PodList
		if err := reader.List(ctx, &pods, client.InNamespace(claim.Namespace)); err != nil {
			return false, fmt.Errorf("listing pods: %w", err)
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			if pod.Spec.NodeName != "" && !podcontrol.IsFinished(pod) && slices.Contains(claims(pod), claim.Name) {
				return true, nil
			}
		}
	}
	return false, nil
}

// claims are the names of the claims that a pod uses, ephemeral volumes' included.
func claims(pod *corev1.Pod) []string {
	var names []string
	for i := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[i]
		switch {
		case volume.PersistentVolumeClaim != nil:
			names = append(names, volume.PersistentVolumeClaim.ClaimName)
		case volume.Ephemeral != nil:
			names = append(names, pod.Name+"-"+volume.Name)
		}
	}
	return names
}

func claimsOf(_ context.Context, obj client.Object) []reconcile.Request {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil
	}
	var requests []reconcile.Request
	for _, name := range claims(pod) {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: pod.Namespace, Name: name}})
	}
	return requests
}

// Register puts the controller on mgr. It wakes when a claim changes, and when a pod that
// has claims ends or goes.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Live: mgr.GetAPIReader()}
	ended := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			pod, ok := e.ObjectNew.(*corev1.Pod)
			return ok && podcontrol.IsFinished(pod)
		},
	}
	return kit.New(mgr, Name).
		For(&corev1.PersistentVolumeClaim{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(claimsOf), builder.WithPredicates(ended)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
