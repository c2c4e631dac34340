package disruption

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// staleTimeout is how long a pod may say that it is about to be disrupted without being deleted.
const staleTimeout = 2 * time.Minute

// Stale takes back the condition DisruptionTarget of pods that were not deleted after all: whoever set it may have gone between the two.
type Stale struct {
	Client client.Client
	Clock  clock.PassiveClock
}

// Reconcile looks at a pod that is to be disrupted, once it has had its time.
func (s *Stale) Reconcile(ctx context.Context, pod *corev1.Pod) (reconcile.Result, error) {
	if !targeted(pod) {
		return reconcile.Result{}, nil
	}
	now := s.Clock.Now()
	if left := podcontrol.Condition(pod, corev1.DisruptionTarget).LastTransitionTime.Add(staleTimeout).Sub(now); left > 0 {
		return kit.After(left), nil
	}
	err := patch.StatusFields(ctx, s.Client, pod, func(changed *corev1.Pod) {
		podcontrol.SetCondition(&changed.Status, corev1.PodCondition{
			Type: corev1.DisruptionTarget, Status: corev1.ConditionFalse, ObservedGeneration: changed.Generation,
		}, now)
	})
	return patch.Result(reconcile.Result{}, err)
}

// targeted says whether a pod is said to be about to be disrupted, and neither goes nor has ended. What a kubelet ends, it ends itself.
func targeted(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil || podcontrol.IsFinished(pod) {
		return false
	}
	condition := podcontrol.Condition(pod, corev1.DisruptionTarget)
	return condition != nil && condition.Status == corev1.ConditionTrue && condition.Reason != corev1.PodReasonTerminationByKubelet
}

// registerStale puts it on mgr. It wakes when a pod is said to be disrupted.
func registerStale(mgr manager.Manager, deps kit.Deps) error {
	s := &Stale{Client: mgr.GetClient(), Clock: deps.Clock}
	said := predicate.NewPredicateFuncs(func(obj client.Object) bool {
		pod, ok := obj.(*corev1.Pod)
		return ok && targeted(pod)
	})
	return kit.New(mgr, Name+"-stale").
		For(&corev1.Pod{}, builder.WithPredicates(said)).
		Complete(reconcile.AsReconciler(s.Client, s))
}
