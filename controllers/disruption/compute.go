package disruption

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// deletionTimeout is how long an evicted pod may take to be deleted before the budget
// counts it as staying.
const deletionTimeout = 2 * time.Minute

// needsScale says whether the budget is relative to what the pods' controllers want.
func needsScale(budget *policyv1.PodDisruptionBudget) bool {
	return budget.Spec.MaxUnavailable != nil ||
		(budget.Spec.MinAvailable != nil && budget.Spec.MinAvailable.Type == intstr.String)
}

// unmanagedMessage says why pods without a controller are of no use to a budget that needs a scale.
const unmanagedMessage = "Pods selected by this PodDisruptionBudget (selector: %v) were found to be unmanaged. As a result, the status of the PDB cannot be " +
	"calculated correctly, which may result in undefined behavior. To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value."

func unmanaged(pods []*corev1.Pod) bool {
	return slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return metav1.GetControllerOfNoCopy(pod) == nil })
}

// desired returns how many pods there should be and how many of them must be healthy.
// scale is what the pods' controllers want in sum, if needsScale.
func desired(budget *policyv1.PodDisruptionBudget, pods int, scale int32) (expected, healthy int32, err error) {
	switch {
	case budget.Spec.MaxUnavailable != nil:
		unavailable, err := intstr.GetScaledValueFromIntOrPercent(budget.Spec.MaxUnavailable, int(scale), true)
		if err != nil {
			return 0, 0, err
		}
		return scale, max(scale-int32(unavailable), 0), nil
	case budget.Spec.MinAvailable == nil:
		return int32(pods), 0, nil
	case budget.Spec.MinAvailable.Type == intstr.Int:
		return int32(pods), budget.Spec.MinAvailable.IntVal, nil
	}
	least, err := intstr.GetScaledValueFromIntOrPercent(budget.Spec.MinAvailable, int(scale), true)
	return scale, int32(least), err
}

// disrupted returns the evictions that the cache has not shown yet, and when the first of
// them is given up.
func disrupted(budget *policyv1.PodDisruptionBudget, pods []*corev1.Pod, now time.Time) (map[string]metav1.Time, time.Duration) {
	out := map[string]metav1.Time{}
	next := time.Duration(0)
	for _, pod := range pods {
		at, evicted := budget.Status.DisruptedPods[pod.Name]
		if !evicted || pod.DeletionTimestamp != nil {
			continue
		}
		left := at.Add(deletionTimeout).Sub(now)
		if left <= 0 {
			continue
		}
		out[pod.Name] = at
		if next == 0 || left < next {
			next = left
		}
	}
	return out, next
}

func healthyCount(pods []*corev1.Pod, disrupted map[string]metav1.Time) int32 {
	n := int32(0)
	for _, pod := range pods {
		if _, evicted := disrupted[pod.Name]; evicted || pod.DeletionTimestamp != nil || podcontrol.IsFinished(pod) {
			continue
		}
		if podcontrol.IsReady(pod) {
			n++
		}
	}
	return n
}

// setStatus fills in the status and its condition DisruptionAllowed.
func setStatus(budget *policyv1.PodDisruptionBudget, expected, desiredHealthy, healthy int32, disrupted map[string]metav1.Time) {
	status := &budget.Status
	status.ExpectedPods, status.DesiredHealthy, status.CurrentHealthy = expected, desiredHealthy, healthy
	status.DisruptionsAllowed = max(healthy-desiredHealthy, 0)
	if expected == 0 {
		status.DisruptionsAllowed = 0
	}
	status.DisruptedPods = disrupted
	if len(disrupted) == 0 {
		status.DisruptedPods = nil
	}
	status.ObservedGeneration = budget.Generation
	condition := metav1.Condition{
		Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse,
		Reason: policyv1.InsufficientPodsReason, ObservedGeneration: budget.Generation,
	}
	if status.DisruptionsAllowed > 0 {
		condition.Status, condition.Reason = metav1.ConditionTrue, policyv1.SufficientPodsReason
	}
	meta.SetStatusCondition(&status.Conditions, condition)
}
