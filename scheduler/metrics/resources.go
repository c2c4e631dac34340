package metrics

import (
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	"k8s.io/utils/ptr"
)

// Resources shows what pods ask for, each by itself, when somebody looks. Pods calls yield for all there are until it returns false.
type Resources struct {
	Pods func(yield func(*corev1.Pod) bool)
}

var _ prometheus.Collector = Resources{}

func podDescs() (request, limit *prometheus.Desc) {
	const about = " by workloads on the cluster, broken down by pod. It is what the scheduler and the kubelet expect of a pod, with the unit of the resource if it has one."
	labels := []string{"namespace", "pod", "node", "scheduler", "priority", "resource", "unit"}
	return prometheus.NewDesc("kube_pod_resource_request", "Resources requested"+about, labels, nil),
		prometheus.NewDesc("kube_pod_resource_limit", "Resources that are the most to be used"+about, labels, nil)
}

// Describe implements prometheus.Collector.
func (Resources) Describe(to chan<- *prometheus.Desc) {
	request, limit := podDescs()
	to <- request
	to <- limit
}

// Collect implements prometheus.Collector.
func (r Resources) Collect(to chan<- prometheus.Metric) {
	request, limit := podDescs()
	r.Pods(func(pod *corev1.Pod) bool {
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			return true
		}
		show(to, request, pod, resource.PodRequests(pod, resource.PodResourcesOptions{UseStatusResources: true}))
		show(to, limit, pod, resource.PodLimits(pod, resource.PodResourcesOptions{UseStatusResources: true}))
		return true
	})
}

func show(to chan<- prometheus.Metric, desc *prometheus.Desc, pod *corev1.Pod, list corev1.ResourceList) {
	priority := strconv.Itoa(int(ptr.Deref(pod.Spec.Priority, 0)))
	for name, quantity := range list {
		if quantity.IsZero() {
			continue
		}
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, quantity.AsApproximateFloat64(),
			pod.Namespace, pod.Name, pod.Spec.NodeName, pod.Spec.SchedulerName, priority, string(name), unit(name))
	}
}

// unit is what a resource is counted in, if that is anything.
func unit(name corev1.ResourceName) string {
	switch {
	case name == corev1.ResourceCPU:
		return "cores"
	case name == corev1.ResourceMemory, name == corev1.ResourceStorage, name == corev1.ResourceEphemeralStorage,
		strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix):
		return "bytes"
	}
	return ""
}
