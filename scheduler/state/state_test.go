package state

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func list(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

func node(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Allocatable: list("4", "8Gi")}}
}

func container(requests corev1.ResourceList) corev1.Container {
	return corev1.Container{Name: "main", Resources: corev1.ResourceRequirements{Requests: requests}}
}

func pod(name, on string, containers ...corev1.Container) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec:       corev1.PodSpec{NodeName: on, Containers: containers},
	}
}

// uses describes what a snapshot knows of a node.
func uses(s *State, name string) string {
	n, err := s.Snapshot().Get(name)
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%d pods, %dm", len(n.GetPods()), n.GetRequested().GetMilliCPU())
}

func TestLifeOfAPod(t *testing.T) {
	s := New()
	s.SetNode(node("a"))
	expect := func(when, want string) {
		t.Helper()
		if got := uses(s, "a"); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	one := container(list("1", "1Gi"))
	s.Assume(NewPodInfo(pod("p", "", one)), "a")
	expect("assumed", "1 pods, 1000m")
	s.Forget("p")
	expect("forgotten", "0 pods, 0m")
	s.Assume(NewPodInfo(pod("p", "", one)), "a")
	s.SetPod(pod("p", "a", one))
	s.SetPod(pod("p", "a", one))
	expect("confirmed, and seen again", "1 pods, 1000m")
	s.Forget("p")
	expect("a binding that failed after all is confirmed", "1 pods, 1000m")
	s.SetPod(pod("p", "a", container(list("500m", "1Gi"))))
	expect("resized", "1 pods, 500m")
	s.RemovePod("p")
	s.RemovePod("p")
	expect("gone", "0 pods, 0m")
	if s.Placed("p") {
		t.Error("a pod that is gone is placed")
	}
}

func TestNodesComeAndGo(t *testing.T) {
	s := New()
	s.SetPod(pod("early", "a", container(list("1", "1Gi"))))
	if got := uses(s, "a"); got != "unknown" {
		t.Errorf("a node that only a pod names: %s", got)
	}
	s.SetNode(node("b"))
	s.SetNode(node("a"))
	var order []string
	for _, n := range s.Snapshot().all {
		order = append(order, n.Node().Name)
	}
	if diff := cmp.Diff([]string{"a", "b"}, order); diff != "" {
		t.Errorf("the order of nodes (-want +got):\n%s", diff)
	}
	if got := uses(s, "a"); got != "1 pods, 1000m" {
		t.Errorf("a node that comes after its pod: %s", got)
	}
	s.RemoveNode("a")
	s.RemoveNode("never")
	if got := uses(s, "a"); got != "unknown" {
		t.Errorf("a node that is gone: %s", got)
	}
	s.SetNode(node("a"))
	if got := uses(s, "a"); got != "1 pods, 1000m" {
		t.Errorf("a node that is back: %s", got)
	}
	s.RemoveNode("a")
	s.RemovePod("early")
	if _, ok := s.nodes["a"]; ok {
		t.Error("a node that is gone is kept after its last pod")
	}
}

// Nodes that a cycle holds do not move, and those that did not change are not copied.
func TestNodesDoNotMove(t *testing.T) {
	s := New()
	s.SetNode(node("a"))
	s.SetNode(node("b"))
	snapshot := s.Snapshot()
	emptyA, b := snapshot.byName["a"], snapshot.byName["b"]
	port := container(nil)
	port.Ports = []corev1.ContainerPort{{HostPort: 80, Protocol: corev1.ProtocolTCP}}
	s.SetPod(pod("p", "a", port))
	s.Snapshot()
	if len(emptyA.pods) != 0 || emptyA.ports.Len() != 0 {
		t.Errorf("what a cycle holds shows a new pod: %s", emptyA)
	}
	full := snapshot.byName["a"]
	if !full.ports.CheckConflict("", "TCP", 80) {
		t.Error("the port of a pod is not taken")
	}
	if snapshot.byName["b"] != b {
		t.Error("a node that did not change was copied")
	}
	s.RemovePod("p")
	if full.ports.Len() != 1 || s.Snapshot().byName["a"].ports.Len() != 0 {
		t.Error("the port of a pod that is gone is not free")
	}
}

func TestRequests(t *testing.T) {
	small, large := container(list("100m", "100Mi")), container(list("1", "50Mi"))
	sidecar := large
	sidecar.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	resizing := pod("p", "a", small)
	resizing.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "main", Resources: &corev1.ResourceRequirements{Requests: list("300m", "100Mi")}, AllocatedResources: list("100m", "100Mi"),
	}}
	with := func(p *corev1.Pod, change func(*corev1.PodSpec)) *corev1.Pod {
		change(&p.Spec)
		return p
	}
	for _, c := range []struct {
		why              string
		pod              *corev1.Pod
		cpu, memory      int64 // thousandths and MiB
		floorCPU, floorM int64
	}{
		{"a sum over containers", pod("p", "", small, large), 1100, 150, 1100, 150},
		{"a minimum for scores only", pod("p", "", small, container(nil)), 100, 100, 200, 300},
		{"the larger of init containers and the rest", with(pod("p", "", small), func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{large} }), 1000, 100, 1000, 100},
		{"sidecars stay", with(pod("p", "", small), func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{sidecar} }), 1100, 150, 1100, 150},
		{"the overhead of the runtime", with(pod("p", "", small), func(s *corev1.PodSpec) { s.Overhead = list("50m", "10Mi") }), 150, 110, 150, 110},
		{"what a container still has while it is made smaller", resizing, 300, 100, 300, 100},
	} {
		got := NewPodInfo(c.pod).CalculateResource()
		numbers := []int64{got.Resource.GetMilliCPU(), got.Resource.GetMemory() >> 20, got.Non0CPU, got.Non0Mem >> 20}
		if diff := cmp.Diff([]int64{c.cpu, c.memory, c.floorCPU, c.floorM}, numbers); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

func TestClaims(t *testing.T) {
	s := New()
	s.SetNode(node("a"))
	for _, name := range []string{"p", "q"} {
		p := pod(name, "a")
		p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
		s.SetPod(p)
	}
	s.RemovePod("p")
	if !s.Snapshot().IsPVCUsedByPods("default/data") {
		t.Error("a claim that one of two pods still uses is free")
	}
	s.RemovePod("q")
	if s.Snapshot().IsPVCUsedByPods("default/data") {
		t.Error("a claim that no pod uses is taken")
	}
}
