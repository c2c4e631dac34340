package disruption

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestUnmanagedPodsAreTold(t *testing.T) {
	owned := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Controller: ptr.To(true)}}}}
	if unmanaged([]*corev1.Pod{owned}) || !unmanaged([]*corev1.Pod{owned, {}}) {
		t.Error("want a warning about pods that no controller makes, and no other")
	}
}
