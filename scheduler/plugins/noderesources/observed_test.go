package noderesources

import (
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// list reads "cpu=1 memory=1Gi".
func list(amounts string) corev1.ResourceList {
	all := corev1.ResourceList{}
	for _, amount := range strings.Fields(amounts) {
		name, quantity, _ := strings.Cut(amount, "=")
		all[corev1.ResourceName(name)] = resource.MustParse(quantity)
	}
	return all
}

// asking is a pod with a container for each list.
func asking(containers ...string) *corev1.Pod {
	pod := &corev1.Pod{}
	for _, amounts := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Resources: corev1.ResourceRequirements{Requests: list(amounts)}})
	}
	return pod
}

// observedNodes are those of testdata/observed.txt, with pods on them.
func observedNodes() map[string]fwk.NodeInfo {
	nodes := map[string]fwk.NodeInfo{}
	add := func(name, amounts string, pods ...*corev1.Pod) {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		node.Status.Allocatable = list(amounts + " pods=110")
		info := state.NewNodeInfo(node)
		for _, pod := range pods {
			info.AddPodInfo(state.NewPodInfo(pod))
		}
		nodes[name] = info
	}
	add("n1", "cpu=4 memory=8Gi ephemeral-storage=100Gi", asking("cpu=1 memory=1Gi"))
	add("n2", "cpu=8 memory=8Gi ephemeral-storage=100Gi example.com/gpu=8", asking("cpu=300m memory=5Gi"))
	add("n3", "cpu=3 memory=20Gi ephemeral-storage=50Gi example.com/gpu=4", asking("cpu=2 memory=512Mi example.com/gpu=1"))
	add("n4", "cpu=16 memory=4Gi ephemeral-storage=10Gi", asking(""), asking("cpu=7"))
	return nodes
}

func observedPods() map[string]*corev1.Pod {
	return map[string]*corev1.Pod{
		"plain": asking("cpu=500m memory=1Gi"), "cpuonly": asking("cpu=1"), "memonly": asking("memory=3Gi"), "two": asking("cpu=250m memory=300Mi", ""),
		"none": asking(""), "big": asking("cpu=2900m memory=2Gi"), "gpu": asking("cpu=100m memory=100Mi example.com/gpu=1"),
		"eph": asking("cpu=100m ephemeral-storage=5Gi"),
	}
}

func weighted(names ...string) []schedulerv1.ResourceSpec {
	var all []schedulerv1.ResourceSpec
	for _, name := range names {
		spec := schedulerv1.ResourceSpec{Weight: 1}
		if _, err := fmt.Sscanf(name, "%d*%s", &spec.Weight, &spec.Name); err != nil {
			spec.Name = name
		}
		all = append(all, spec)
	}
	return all
}

// observedProfiles are the plugins as they were configured.
func observedProfiles() map[string]map[string]fwk.ScorePlugin {
	point := func(utilization, score int32) schedulerv1.UtilizationShapePoint {
		return schedulerv1.UtilizationShapePoint{Utilization: utilization, Score: score}
	}
	plugins := func(fit Strategy, balanced ...string) map[string]fwk.ScorePlugin {
		return map[string]fwk.ScorePlugin{FitName: &Fit{Strategy: fit}, BalancedName: &Balanced{Resources: weighted(balanced...)}}
	}
	return map[string]map[string]fwk.ScorePlugin{
		"default": plugins(Strategy{}),
		"most":    plugins(Strategy{Type: schedulerv1.MostAllocated, Resources: weighted("3*cpu", "memory")}),
		"ratio": plugins(Strategy{Type: schedulerv1.RequestedToCapacityRatio, Resources: weighted("3*cpu", "memory"),
			Shape: []schedulerv1.UtilizationShapePoint{point(0, 0), point(50, 10), point(100, 3)}}),
		"three": plugins(Strategy{Type: schedulerv1.RequestedToCapacityRatio, Resources: weighted("5*example.com/gpu", "cpu"),
			Shape: []schedulerv1.UtilizationShapePoint{point(20, 2), point(70, 9)}}, "cpu", "memory", "ephemeral-storage", "example.com/gpu"),
	}
}

func TestScoresAreThoseThatUpstreamGives(t *testing.T) {
	data, err := os.ReadFile("testdata/observed.txt")
	if err != nil {
		t.Fatal(err)
	}
	nodes, pods, profiles := observedNodes(), observedPods(), observedProfiles()
	for _, line := range strings.Split(string(data), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] == "#" {
			continue
		}
		plugin, pod, cycle := profiles[fields[0]][fields[2]], pods[fields[1]], &profile.CycleState{}
		if before, ok := plugin.(fwk.PreFilterPlugin); ok {
			before.PreFilter(t.Context(), cycle, pod, nil)
		}
		for _, observed := range fields[3:] {
			name, want, _ := strings.Cut(observed, "=")
			if got, status := plugin.Score(t.Context(), cycle, pod, nodes[name]); !status.IsSuccess() || fmt.Sprint(got) != want {
				t.Errorf("%s for %s with profile %s on %s: %d (%v), want %s", fields[2], fields[1], fields[0], name, got, status, want)
			}
		}
	}
}
