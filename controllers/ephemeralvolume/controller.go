package ephemeralvolume

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-helpers/storage/ephemeral"
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
const Name = "ephemeralvolume"

// Controller reconciles the claims of Pod objects.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	metrics  *metrics
}

// Reconcile makes the claims that the pod lacks.
func (c *Controller) Reconcile(ctx context.Context, pod *corev1.Pod) (reconcile.Result, error) {
	if pod.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	var errs []error
	for i := range pod.Spec.Volumes {
		if volume := &pod.Spec.Volumes[i]; volume.Ephemeral != nil && volume.Ephemeral.VolumeClaimTemplate != nil {
			if err := c.ensure(ctx, pod, volume); err != nil {
				c.Recorder.Event(pod, corev1.EventTypeWarning, "FailedBinding", fmt.Sprintf("ephemeral volume %s: %v", volume.Name, err))
				errs = append(errs, err)
			}
		}
	}
	return patch.Result(reconcile.Result{}, errors.Join(errs...))
}

func (c *Controller) ensure(ctx context.Context, pod *corev1.Pod, volume *corev1.Volume) error {
	var claim corev1.PersistentVolumeClaim
	key := client.ObjectKey{Namespace: pod.Namespace, Name: ephemeral.VolumeClaimName(pod, volume)}
	err := c.Client.Get(ctx, key, &claim)
	if err == nil {
		return ephemeral.VolumeIsForPod(pod, &claim)
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading claim %s: %w", key, err)
	}
	err = c.Client.Create(ctx, claimFor(pod, volume))
	c.metrics.asked(err)
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating claim %s: %w", key, err)
	}
	return nil
}

// claimFor is the claim of one volume.
func claimFor(pod *corev1.Pod, volume *corev1.Volume) *corev1.PersistentVolumeClaim {
	template := volume.Ephemeral.VolumeClaimTemplate
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, Name: ephemeral.VolumeClaimName(pod, volume),
			Labels: template.Labels, Annotations: template.Annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(pod, corev1.SchemeGroupVersion.WithKind("Pod"))},
		},
		Spec: template.Spec,
	}
}

func hasEphemeral(pod *corev1.Pod) bool {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Ephemeral != nil {
			return true
		}
	}
	return false
}

// Register puts the controller on mgr. It wakes when a pod with such volumes comes, and when a claim of one goes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "ephemeral_volume"), metrics: newMetrics(deps.Metrics)}
	comes := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool {
			pod, ok := e.Object.(*corev1.Pod)
			return ok && hasEphemeral(pod)
		},
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	goes := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
	}
	return kit.New(mgr, Name).
		For(&corev1.Pod{}, builder.WithPredicates(comes)).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &corev1.Pod{}, handler.OnlyControllerOwner()), builder.WithPredicates(goes)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
