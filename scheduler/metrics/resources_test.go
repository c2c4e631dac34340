package metrics

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// What kube-scheduler v1.36.3 shows of the same pods: waiting ones, also other schedulers', and not those that have ended.
func TestResources(t *testing.T) {
	list := func(pairs ...string) corev1.ResourceList {
		all := corev1.ResourceList{}
		for i := 0; i < len(pairs); i += 2 {
			all[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
		}
		return all
	}
	pod := func(name, node, scheduler string, priority int32, needs ...corev1.ResourceRequirements) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: corev1.PodSpec{NodeName: node, SchedulerName: scheduler, Priority: ptr.To(priority)}}
		for _, need := range needs {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Resources: need})
		}
		return p
	}
	r1 := pod("r1", "n3", "default-scheduler", 7, corev1.ResourceRequirements{
		Requests: list("cpu", "100m", "memory", "64Mi", "ephemeral-storage", "1Gi", "example.com/gpu", "1", "hugepages-2Mi", "4Mi"),
		Limits:   list("cpu", "200m", "example.com/gpu", "1"),
	}, corev1.ResourceRequirements{Requests: list("cpu", "1m")})
	r1.Spec.InitContainers = []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: list("cpu", "2")}}}
	waiting := pod("r2", "", "other", 0, corev1.ResourceRequirements{Requests: list("cpu", "1500m")})
	ended := pod("r3", "n3", "default-scheduler", 0, corev1.ResourceRequirements{Requests: list("cpu", "1500m")})
	ended.Status.Phase = corev1.PodSucceeded
	registry := prometheus.NewRegistry()
	registry.MustRegister(Resources{func(yield func(*corev1.Pod) bool) {
		for _, p := range []*corev1.Pod{r1, waiting, ended} {
			yield(p)
		}
	}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			key := family.GetName()
			for _, label := range metric.GetLabel() {
				key += " " + label.GetName() + "=" + label.GetValue()
			}
			got[key] = metric.GetGauge().GetValue()
		}
	}
	of := func(name, resource, unit string) string {
		return name + " namespace=default node=n3 pod=r1 priority=7 resource=" + resource + " scheduler=default-scheduler unit=" + unit
	}
	want := map[string]float64{
		of("kube_pod_resource_limit", "cpu", "cores"):                                                                 0.2,
		of("kube_pod_resource_limit", "example.com/gpu", ""):                                                          1,
		of("kube_pod_resource_request", "cpu", "cores"):                                                               2,
		of("kube_pod_resource_request", "ephemeral-storage", "bytes"):                                                 1 << 30,
		of("kube_pod_resource_request", "example.com/gpu", ""):                                                        1,
		of("kube_pod_resource_request", "hugepages-2Mi", "bytes"):                                                     4 << 20,
		of("kube_pod_resource_request", "memory", "bytes"):                                                            64 << 20,
		"kube_pod_resource_request namespace=default node= pod=r2 priority=0 resource=cpu scheduler=other unit=cores": 1.5,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
