package disruption

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "disruption"

// Controller reconciles pod disruption budgets.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
}

// Reconcile computes how many of the budget's pods may be evicted.
func (c *Controller) Reconcile(ctx context.Context, budget *policyv1.PodDisruptionBudget) (reconcile.Result, error) {
	pods, err := c.pods(ctx, budget)
	if err != nil {
		return reconcile.Result{}, err
	}
	if len(pods) == 0 && (budget.Status.ObservedGeneration != budget.Generation || budget.Status.ExpectedPods > 0 || budget.Status.CurrentHealthy > 0) {
		c.Recorder.Event(budget, corev1.EventTypeNormal, "NoPods", "No matching pods found")
	}
	scale := int32(0)
	if needsScale(budget) {
		if unmanaged(pods) {
			c.Recorder.Eventf(budget, corev1.EventTypeWarning, "UnmanagedPods", unmanagedMessage, budget.Spec.Selector)
		}
		scale, err = c.scale(ctx, pods)
	}
	var expected, healthy int32
	if err == nil {
		expected, healthy, err = desired(budget, len(pods), scale)
	}
	if err != nil {
		return c.fail(ctx, budget, err)
	}
	gone, wait := disrupted(budget, pods, c.Clock.Now())
	_, err = patch.Status(ctx, c.Client, budget, func(changed *policyv1.PodDisruptionBudget) {
		setStatus(changed, expected, healthy, healthyCount(pods, gone), gone)
	})
	return patch.Result(kit.After(wait), err)
}

// fail allows no eviction while the number cannot be computed.
func (c *Controller) fail(ctx context.Context, budget *policyv1.PodDisruptionBudget, cause error) (reconcile.Result, error) {
	c.Recorder.Eventf(budget, corev1.EventTypeWarning, "CalculateExpectedPodCountFailed", "Failed to calculate the number of expected pods: %v", cause)
	_, err := patch.Status(ctx, c.Client, budget, func(changed *policyv1.PodDisruptionBudget) {
		changed.Status.DisruptionsAllowed = 0
		changed.Status.ObservedGeneration = changed.Generation
		meta.SetStatusCondition(&changed.Status.Conditions, metav1.Condition{
			Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason,
			Message: cause.Error(), ObservedGeneration: changed.Generation,
		})
	})
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	return reconcile.Result{}, cause
}

func (c *Controller) pods(ctx context.Context, budget *policyv1.PodDisruptionBudget) ([]*corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	if err != nil {
		return nil, nil // nothing matches what cannot be read
	}
	var list corev1.PodList
	err = c.Client.List(ctx, &list, client.InNamespace(budget.Namespace),
		client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("listing pods of budget: %w", err)
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return pods, nil
}

// scale sums up how many pods the controllers of these pods want, each once.
func (c *Controller) scale(ctx context.Context, pods []*corev1.Pod) (int32, error) {
	seen := map[types.UID]bool{}
	sum := int32(0)
	for _, pod := range pods {
		ref := metav1.GetControllerOfNoCopy(pod)
		if ref == nil || seen[ref.UID] {
			continue
		}
		seen[ref.UID] = true
		wanted, root, err := c.wanted(ctx, pod.Namespace, *ref)
		if err != nil {
			return 0, err
		}
		if root != ref.UID {
			if seen[root] {
				continue
			}
			seen[root] = true
		}
		sum += wanted
	}
	return sum, nil
}

// wanted is the size of a controller, or of the deployment above a replica set, and the
// UID of the one that decides.
func (c *Controller) wanted(ctx context.Context, namespace string, ref metav1.OwnerReference) (int32, types.UID, error) {
	key := client.ObjectKey{Namespace: namespace, Name: ref.Name}
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return 0, ref.UID, fmt.Errorf("reading controller of pod: %w", err)
	}
	switch (schema.GroupKind{Group: gv.Group, Kind: ref.Kind}) {
	case schema.GroupKind{Kind: "ReplicationController"}:
		rc := &corev1.ReplicationController{}
		err = c.Client.Get(ctx, key, rc)
		return ptr.Deref(rc.Spec.Replicas, 1), ref.UID, client.IgnoreNotFound(err)
	case schema.GroupKind{Group: appsv1.GroupName, Kind: "StatefulSet"}:
		set := &appsv1.StatefulSet{}
		err = c.Client.Get(ctx, key, set)
		return ptr.Deref(set.Spec.Replicas, 1), ref.UID, client.IgnoreNotFound(err)
	case schema.GroupKind{Group: appsv1.GroupName, Kind: "ReplicaSet"}:
		rs := &appsv1.ReplicaSet{}
		if err := c.Client.Get(ctx, key, rs); err != nil {
			return 0, ref.UID, client.IgnoreNotFound(err)
		}
		above := metav1.GetControllerOfNoCopy(rs)
		if above == nil || above.Kind != "Deployment" {
			return ptr.Deref(rs.Spec.Replicas, 1), ref.UID, nil
		}
		d := &appsv1.Deployment{}
		err = c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: above.Name}, d)
		return ptr.Deref(d.Spec.Replicas, 1), above.UID, client.IgnoreNotFound(err)
	}
	return c.wantedByScale(ctx, namespace, gv.WithKind(ref.Kind), ref)
}

// wantedByScale asks the scale subresource, which custom resources may have.
func (c *Controller) wantedByScale(ctx context.Context, namespace string, gvk schema.GroupVersionKind, ref metav1.OwnerReference) (int32, types.UID, error) {
	owner := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: ref.Name}}
	owner.SetGroupVersionKind(gvk)
	scale := &autoscalingv1.Scale{}
	if err := c.Client.SubResource("scale").Get(ctx, asUnstructured(owner), scale); err != nil {
		return 0, ref.UID, fmt.Errorf("found no controllers for pod: %w", err)
	}
	return scale.Spec.Replicas, ref.UID, nil
}

// Register puts the controller on mgr. It wakes when a budget changes, or a pod that it
// selects does; a controller that is resized shows in its pods.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if err := registerStale(mgr, deps); err != nil {
		return err
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "controllermanager"), Clock: deps.Clock}
	return kit.New(mgr, Name).
		For(&policyv1.PodDisruptionBudget{}).
		Watches(&corev1.Pod{}, waker{c.Recorder, kit.InNamespace(mgr.GetCache(), &policyv1.PodDisruptionBudget{})}).
		Complete(reconcile.AsReconciler(c.Client, c))
}
