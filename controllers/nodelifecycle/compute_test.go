package nodelifecycle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestTaints(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	mine := corev1.Taint{Key: "mine", Effect: corev1.TaintEffectNoSchedule}
	for _, c := range []struct {
		why    string
		ready  corev1.ConditionStatus
		cordon bool
		evict  bool
		have   []corev1.Taint
		want   []string
	}{
		{"a ready node keeps what others put there", corev1.ConditionTrue, false, true, []corev1.Taint{mine}, []string{"mine:NoSchedule"}},
		{"not ready", corev1.ConditionFalse, false, true, nil, []string{"node.kubernetes.io/not-ready:NoSchedule", "node.kubernetes.io/not-ready:NoExecute"}},
		{"silent", corev1.ConditionUnknown, false, true, nil, []string{"node.kubernetes.io/unreachable:NoSchedule", "node.kubernetes.io/unreachable:NoExecute"}},
		{"silent like all others", corev1.ConditionUnknown, false, false, nil, []string{"node.kubernetes.io/unreachable:NoSchedule"}},
		{"cordoned", corev1.ConditionTrue, true, true, nil, []string{"node.kubernetes.io/unschedulable:NoSchedule"}},
		{"back again", corev1.ConditionTrue, false, true, []corev1.Taint{{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}, mine}, []string{"mine:NoSchedule"}},
	} {
		node := &corev1.Node{Spec: corev1.NodeSpec{Unschedulable: c.cordon, Taints: c.have}}
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: c.ready}}
		var got []string
		for _, taint := range taints(node, c.evict, now) {
			got = append(got, taint.Key+":"+string(taint.Effect))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}
