package job

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// orphans frees pods that still wait to be counted by a job that is gone.
type orphans struct {
	client client.Client
	live   client.Reader
}

// Reconcile removes the finalizer of a pod whose job is gone.
func (o *orphans) Reconcile(ctx context.Context, pod *corev1.Pod) (reconcile.Result, error) {
	if !tracked(pod) {
		return reconcile.Result{}, nil
	}
	if ref := metav1.GetControllerOfNoCopy(pod); ref != nil && ref.Kind == kind.Kind {
		job := &batchv1.Job{}
		err := o.live.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: ref.Name}, job)
		if err == nil && job.UID == ref.UID {
			return reconcile.Result{}, nil
		}
		if client.IgnoreNotFound(err) != nil {
			return reconcile.Result{}, fmt.Errorf("reading job of pod: %w", err)
		}
	}
	return patch.Result(reconcile.Result{}, release(ctx, o.client, pod))
}

// orphaned says whether a pod waits for a job that the cache does not have.
func (o *orphans) orphaned(obj client.Object) bool {
	pod, ok := obj.(*corev1.Pod)
	if !ok || !tracked(pod) {
		return false
	}
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil || ref.Kind != kind.Kind {
		return true
	}
	job := &batchv1.Job{}
	err := o.client.Get(context.Background(), client.ObjectKey{Namespace: pod.Namespace, Name: ref.Name}, job)
	return apierrors.IsNotFound(err) || (err == nil && job.UID != ref.UID)
}

// podsOf lists the pods of a deleted job.
func (o *orphans) podsOf(ctx context.Context, job client.Object) []reconcile.Request {
	pods, err := podcontrol.ListPods(ctx, o.client, job.GetNamespace(), string(job.GetUID()))
	if err != nil {
		return nil
	}
	var requests []reconcile.Request
	for _, pod := range pods {
		if tracked(pod) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pod)})
		}
	}
	return requests
}

// registerOrphans wakes for tracked pods without a job, and when a job is deleted.
func registerOrphans(mgr manager.Manager) error {
	o := &orphans{client: mgr.GetClient(), live: mgr.GetAPIReader()}
	deleted := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
	}
	return kit.New(mgr, Name+"-orphans").
		For(&corev1.Pod{}, builder.WithPredicates(predicate.NewPredicateFuncs(o.orphaned))).
		Watches(&batchv1.Job{}, handler.EnqueueRequestsFromMapFunc(o.podsOf), builder.WithPredicates(deleted)).
		Complete(reconcile.AsReconciler(o.client, o))
}
