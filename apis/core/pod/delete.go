package pod

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// gracePeriod waits for as long as the client says, or else the pod. A pod that no node runs, or that is
// over, has nothing to wait for.
func gracePeriod(obj resource.Object, options *metav1.DeleteOptions) (seconds int64, graceful bool) {
	pod := obj.(*corev1.Pod)
	switch {
	case options != nil && options.GracePeriodSeconds != nil:
		seconds = *options.GracePeriodSeconds
	case pod.Spec.TerminationGracePeriodSeconds != nil:
		seconds = *pod.Spec.TerminationGracePeriodSeconds
	}
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		seconds = 0
	}
	if seconds < 0 {
		seconds = 1
	}
	return seconds, seconds > 0
}
