package replication

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func running(name, node string, change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
		Spec:       corev1.PodSpec{NodeName: node},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-time.Hour))},
		}},
	}
	if change != nil {
		change(pod)
	}
	return pod
}

func TestVictims(t *testing.T) {
	for why, change := range map[string]func(*corev1.Pod){
		"not assigned": func(p *corev1.Pod) { p.Spec.NodeName = "" },
		"not running":  func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending },
		"not ready":    func(p *corev1.Pod) { p.Status.Conditions = nil },
		"cheaper":      func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.PodDeletionCost: "-1"} },
		"ready for less long": func(p *corev1.Pod) {
			p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now.Add(-time.Minute))
		},
		"restarted more": func(p *corev1.Pod) { p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 3}} },
		"younger":        func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(now.Add(-time.Second)) },
	} {
		pods := []*corev1.Pod{running("b", "n1", nil), running("a", "n1", change)}
		if got := Victims(pods, pods, 1, now); len(got) != 1 || got[0].Name != "a" {
			t.Errorf("%s: the other pod goes first", why)
		}
	}
	crowded := []*corev1.Pod{running("a", "n1", nil), running("b", "n2", nil), running("c", "n2", nil)}
	if got := Victims(crowded, crowded, 1, now); got[0].Spec.NodeName != "n2" {
		t.Errorf("the pod on %s goes before one on the fuller node", got[0].Spec.NodeName)
	}
}
