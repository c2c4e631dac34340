package workload

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// Workload is pods that are scheduled on nodes without a kubelet.
type Workload struct {
	Name string `json:"name"`
	// Threshold is how many pods a second scheduler_perf wants of upstream's scheduler, by itself and on a machine of its own.
	Threshold int `json:"threshold"`
	// Nodes to register.
	Nodes int `json:"nodes"`
	// Zones that the nodes are spread over; none if there are none.
	Zones []string `json:"zones,omitempty"`
	// Driver of volumes that every node has, and VolumeLimit how many of its volumes a node takes; none if there is none.
	Driver      string `json:"driver,omitempty"`
	VolumeLimit int32  `json:"volumeLimit,omitempty"`
	// Before are pods that are bound before anything is measured, in the namespace "before".
	Before []Pods `json:"before,omitempty"`
	// Measured are the pods that count, in the namespace "measured".
	Measured Pods `json:"measured"`
	// Churn has a node, a service and a pod that fits nowhere come and go every second meanwhile.
	Churn bool `json:"churn,omitempty"`
}

// Pods of one kind.
type Pods struct {
	Count int `json:"count"`
	// Priority other than 0 is that of a priority class that is made for it.
	Priority int32 `json:"priority,omitempty"`
	// CPU and memory of the one container; by default 100m and 500Mi.
	Requests corev1.ResourceList `json:"requests,omitempty"`
	// Driver of the volume that each has, with a claim of its own that is bound to it beforehand; none if there is none.
	Driver string `json:"driver,omitempty"`
	// Labels and Spec are added to a pod with one small container.
	Labels map[string]string `json:"labels,omitempty"`
	Spec   corev1.PodSpec    `json:"spec,omitempty"`
}

//go:embed definitions
var definitions embed.FS

// All workloads, in the order of their thresholds.
func All() ([]Workload, error) {
	files, err := fs.Glob(definitions, "definitions/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Workload
	for _, file := range files {
		data, err := definitions.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var w Workload
		if err := yaml.UnmarshalStrict(data, &w); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		all = append(all, w)
	}
	slices.SortStableFunc(all, func(a, b Workload) int { return b.Threshold - a.Threshold })
	return all, nil
}

// Divided is the same with fewer nodes and pods.
func (w Workload) Divided(by int) Workload {
	w.Nodes = max(w.Nodes/by, 1)
	w.Measured.Count = max(w.Measured.Count/by, 1)
	w.Before = slices.Clone(w.Before)
	for i := range w.Before {
		w.Before[i].Count = max(w.Before[i].Count/by, 1)
	}
	return w
}

// Node is the i-th node.
func (w Workload) Node(i int) *corev1.Node {
	node := load.Node(fmt.Sprintf("node-%d", i))
	if len(w.Zones) > 0 {
		node.Labels[corev1.LabelTopologyZone] = w.Zones[i%len(w.Zones)]
	}
	return node
}

// CSINode says how many volumes the i-th node takes.
func (w Workload) CSINode(i int) *storagev1.CSINode {
	name := w.Node(i).Name
	return &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{
		Name: w.Driver, NodeID: name, Allocatable: &storagev1.VolumeNodeResources{Count: &w.VolumeLimit},
	}}}}
}

// Class is the name of the priority class of the pods, or "".
func (p Pods) Class() string {
	if p.Priority == 0 {
		return ""
	}
	return fmt.Sprintf("priority-%d", p.Priority)
}

// Pod makes one of them.
func (p Pods) Pod(name string) *corev1.Pod {
	pod := load.Pod(name)
	pod.Labels = p.Labels
	containers, grace := pod.Spec.Containers, pod.Spec.TerminationGracePeriodSeconds
	p.Spec.DeepCopyInto(&pod.Spec)
	pod.Spec.Containers, pod.Spec.TerminationGracePeriodSeconds, pod.Spec.PriorityClassName = containers, grace, p.Class()
	containers[0].Resources.Requests = p.Requests
	if len(p.Requests) == 0 {
		containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("500Mi")}
	}
	if p.Driver != "" {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "volume", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
		}})
	}
	return pod
}

// Volume of the pod of that name, and its claim, each named after it and naming the other.
func (p Pods) Volume(name, namespace string) (*corev1.PersistentVolume, *corev1.PersistentVolumeClaim) {
	size, none := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}, ""
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes, PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			ClaimRef:               &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: namespace, Name: name},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: p.Driver, VolumeHandle: name}},
		}}, &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, VolumeName: name, StorageClassName: &none, Resources: corev1.VolumeResourceRequirements{Requests: size},
		}}
}
