package podgc

import (
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Why a pod is deleted.
const (
	orphaned     = "orphaned"
	outOfService = "out-of-service"
	terminated   = "terminated"
	unscheduled  = "unscheduled"
)

// metrics are what the controller counts. Nil counts nothing.
type metrics struct {
	forced     *prometheus.CounterVec
	namespaces kit.Names
}

func newMetrics(to prometheus.Registerer) *metrics {
	return &metrics{forced: kit.Counters(to, "pod_gc_collector_force_delete_pods_total",
		"Number of pods that are being forcefully deleted since the Pod GC Controller started.", "namespace", "reason")}
}

// deleted counts a pod, unless it had been deleted by force before and only finalizers keep it.
func (m *metrics) deleted(pod *corev1.Pod, reason string) {
	if m == nil || pod.DeletionTimestamp != nil && ptr.Deref(pod.DeletionGracePeriodSeconds, -1) == 0 {
		return
	}
	m.forced.WithLabelValues(m.namespaces.Of(pod.Namespace), reason).Inc()
}
