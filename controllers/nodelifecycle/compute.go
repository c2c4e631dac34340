package nodelifecycle

import (
	"slices"
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

func rules() [6]rule {
	return [...]rule{
		{corev1.NodeReady, corev1.ConditionFalse, corev1.TaintNodeNotReady},
		{corev1.NodeReady, corev1.ConditionUnknown, corev1.TaintNodeUnreachable},
		{corev1.NodeMemoryPressure, corev1.ConditionTrue, corev1.TaintNodeMemoryPressure},
		{corev1.NodeDiskPressure, corev1.ConditionTrue, corev1.TaintNodeDiskPressure},
		{corev1.NodePIDPressure, corev1.ConditionTrue, corev1.TaintNodePIDPressure},
		{corev1.NodeNetworkUnavailable, corev1.ConditionTrue, corev1.TaintNodeNetworkUnavailable},
	}
}

// state of a taint that is a node's own: whether its conditions say that it has it.
type state struct {
	key    string
	effect corev1.TaintEffect
	holds  bool
}

// taints returns the taints that a node should have: all that are not ours as they are,
// and ours as its conditions say. evict is false when no node is to be emptied.
func taints(node *corev1.Node, evict bool, now time.Time) []corev1.Taint {
	var ours [14]state // of a node's own, and two for each rule at most
	all := append(ours[:0], state{corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule, node.Spec.Unschedulable})
	for _, r := range rules() {
		have := condition(node, r.condition)
		holds := have != nil && have.Status == r.status
		all = append(all, state{r.key, corev1.TaintEffectNoSchedule, holds})
		if r.condition == corev1.NodeReady {
			all = append(all, state{r.key, corev1.TaintEffectNoExecute, holds && evict})
		}
	}
	var out []corev1.Taint
	for _, taint := range node.Spec.Taints {
		i := slices.IndexFunc(all, func(s state) bool { return s.key == taint.Key && s.effect == taint.Effect })
		if i < 0 || all[i].holds {
			out = append(out, taint)
		}
		if i >= 0 {
			all[i].holds = false // it is there
		}
	}
	for _, missing := range all {
		if missing.holds {
			added := metav1.NewTime(now)
			out = append(out, corev1.Taint{Key: missing.key, Effect: missing.effect, TimeAdded: &added})
		}
	}
	return out
}
