package nodelifecycle

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons and messages of a silent node's conditions.
const (
	neverReason    = "NodeStatusNeverUpdated"
	neverMessage   = "Kubelet never posted node status."
	stoppedReason  = "NodeStatusUnknown"
	stoppedMessage = "Kubelet stopped posting node status."
)

// silence makes the conditions of a silent node Unknown.
func silence(node *corev1.Node, now time.Time) {
	kinds := []corev1.NodeConditionType{
		corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure,
	}
	for _, kind := range kinds {
		have := condition(node, kind)
		switch {
		case have == nil:
			node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{
				Type: kind, Status: corev1.ConditionUnknown, Reason: neverReason, Message: neverMessage,
				LastHeartbeatTime: node.CreationTimestamp, LastTransitionTime: metav1.NewTime(now),
			})
		case have.Status != corev1.ConditionUnknown:
			have.Status = corev1.ConditionUnknown
			have.Reason, have.Message = stoppedReason, stoppedMessage
			have.LastTransitionTime = metav1.NewTime(now)
		}
	}
}

// rule says which taint a condition causes.
type rule struct {
	condition corev1.NodeConditionType
	status    corev1.ConditionStatus
	key       string
}

func rules() []rule {
	return []rule{
		{corev1.NodeReady, corev1.ConditionFalse, corev1.TaintNodeNotReady},
		{corev1.NodeReady, corev1.ConditionUnknown, corev1.TaintNodeUnreachable},
		{corev1.NodeMemoryPressure, corev1.ConditionTrue, corev1.TaintNodeMemoryPressure},
		{corev1.NodeDiskPressure, corev1.ConditionTrue, corev1.TaintNodeDiskPressure},
		{corev1.NodePIDPressure, corev1.ConditionTrue, corev1.TaintNodePIDPressure},
		{corev1.NodeNetworkUnavailable, corev1.ConditionTrue, corev1.TaintNodeNetworkUnavailable},
	}
}

// taints returns the taints that a node should have: all that are not ours as they are,
// and ours as its conditions say. evict is false when no node is to be emptied.
func taints(node *corev1.Node, evict bool, now time.Time) []corev1.Taint {
	type id struct {
		key    string
		effect corev1.TaintEffect
	}
	ours := map[id]bool{{corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule}: node.Spec.Unschedulable}
	order := []id{{corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule}}
	for _, r := range rules() {
		have := condition(node, r.condition)
		holds := have != nil && have.Status == r.status
		schedule := id{r.key, corev1.TaintEffectNoSchedule}
		ours[schedule] = holds
		order = append(order, schedule)
		if r.condition == corev1.NodeReady {
			execute := id{r.key, corev1.TaintEffectNoExecute}
			ours[execute] = holds && evict
			order = append(order, execute)
		}
	}
	var out []corev1.Taint
	for _, taint := range node.Spec.Taints {
		if want, mine := ours[id{taint.Key, taint.Effect}]; want || !mine {
			out = append(out, taint)
			delete(ours, id{taint.Key, taint.Effect})
		}
	}
	for _, missing := range order {
		if ours[missing] {
			added := metav1.NewTime(now)
			out = append(out, corev1.Taint{Key: missing.key, Effect: missing.effect, TimeAdded: &added})
		}
	}
	return out
}
