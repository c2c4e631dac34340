package load

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// nobody is the name of a scheduler that does not exist: its pods stay as they are.
const nobody = "nobody"

// Pod with one small container that is removed at once when it is deleted.
func Pod(name string) *corev1.Pod {
	zero := int64(0)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "bench"}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &zero,
			Containers: []corev1.Container{{
				Name: "pause", Image: "registry.k8s.io/pause:3.10.2",
			}},
		},
	}
}

// Waiting is a pod that nobody schedules.
func Waiting(name string) *corev1.Pod {
	pod := Pod(name)
	pod.Spec.SchedulerName = nobody
	return pod
}

// Requesting is a pod that wants a little of a node.
func Requesting(name string) *corev1.Pod {
	pod := Pod(name)
	pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi"),
	}
	return pod
}

// Node that is ready, as a kubelet would register it. Nothing runs on it.
func Node(name string) *corev1.Node {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("32Gi"),
		corev1.ResourcePods: resource.MustParse("110"), corev1.ResourceEphemeralStorage: resource.MustParse("100Gi"),
	}
	now := metav1.Now()
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64"}},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: now, LastTransitionTime: now, Reason: "KubeletReady",
			}},
		},
	}
}

// Encode an object of a version as a client sends it.
func Encode(object runtime.Object, version schema.GroupVersion, encoding string) ([]byte, error) {
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), encoding)
	if !ok {
		return nil, fmt.Errorf("nothing encodes %s", encoding)
	}
	return runtime.Encode(scheme.Codecs.EncoderForVersion(info.Serializer, version), object)
}
