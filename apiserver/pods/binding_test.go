package pods

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A pod that made room for itself on one node may be bound to another: what it was nominated for keeps no room from others then.
func TestBindingEndsTheNomination(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Status: corev1.PodStatus{NominatedNodeName: "a"}}
	if err := bind(pod, &corev1.Binding{Target: corev1.ObjectReference{Name: "b"}}, metav1.Now()); err != nil {
		t.Fatal(err)
	}
	if pod.Spec.NodeName != "b" || pod.Status.NominatedNodeName != "" {
		t.Errorf("bound to %q, nominated for %q", pod.Spec.NodeName, pod.Status.NominatedNodeName)
	}
}
