package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
)

// answers are those of a topology to all questions that the test asks.
type answers struct {
	ByZone, ByHost, ByNode, Zones, Images map[string]int
	Held                                  map[string]map[string]int
}

func ask(s *State) answers {
	t := s.Snapshot().Topology
	web := PodSet{Key: "web", Namespaces: sets.New("default"), Matches: func(pod *corev1.Pod) bool {
		return pod.Labels["app"] == "web" && pod.DeletionTimestamp == nil
	}}
	a := answers{
		ByZone: maps.Clone(t.Count(web, "zone")), ByHost: maps.Clone(t.Count(web, "host")), ByNode: maps.Clone(t.CountByNode(web)),
		Zones: maps.Clone(t.Domains("zone")), Images: map[string]int{"nginx": t.Nodes("nginx")}, Held: map[string]map[string]int{},
	}
	for key, held := range t.Held(RequiredAnti) {
		a.Held[key] = maps.Clone(held.ByValue)
	}
	return a
}

// What is counted move by move is what is counted at once.
func TestCountsAreKept(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	kept := New()
	nodes, pods := map[string]*corev1.Node{}, map[string]*corev1.Pod{}
	for step := range 2000 {
		name := fmt.Sprint("n", random.IntN(6))
		switch random.IntN(6) {
		case 0:
			n := node(name)
			n.Labels = map[string]string{"host": name, "zone": fmt.Sprint("z", random.IntN(3))}
			if random.IntN(4) == 0 {
				delete(n.Labels, "zone")
			}
			if random.IntN(2) == 0 {
				n.Status.Images = []corev1.ContainerImage{{Names: []string{"nginx"}}}
			}
			nodes[name] = n
			kept.SetNode(n)
		case 1:
			delete(nodes, name)
			kept.RemoveNode(name)
		case 2:
			uid := fmt.Sprint("p", random.IntN(20))
			if p := pods[uid]; p != nil {
				delete(pods, uid)
				kept.RemovePod(p.UID)
			}
		default:
			p := randomPod(random, fmt.Sprint("p", random.IntN(20)), name)
			pods[p.Name] = p
			kept.SetPod(p)
		}
		if random.IntN(3) > 0 {
			continue
		}
		fresh := New()
		for _, p := range pods {
			fresh.SetPod(p)
		}
		for _, n := range nodes {
			fresh.SetNode(n)
		}
		if diff := cmp.Diff(ask(fresh), ask(kept)); diff != "" {
			t.Fatalf("after %d steps (-counted at once +kept):\n%s", step, diff)
		}
	}
}

func randomPod(random *rand.Rand, name, on string) *corev1.Pod {
	p := pod(name, on)
	if random.IntN(2) == 0 {
		p.Labels = map[string]string{"app": "web"}
	}
	if random.IntN(4) == 0 {
		p.DeletionTimestamp = &metav1.Time{}
	}
	if random.IntN(3) == 0 {
		p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{
			{TopologyKey: []string{"zone", "host"}[random.IntN(2)], LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		}}}
	}
	return p
}

func TestForgetsOldQuestions(t *testing.T) {
	s := New()
	s.SetNode(node("a"))
	topology := s.Snapshot().Topology
	for i := range 3 * maxSets {
		topology.Count(PodSet{Key: fmt.Sprint(i), Namespaces: sets.New("default"), Matches: func(*corev1.Pod) bool { return true }}, "zone")
	}
	if len(topology.sets) > maxSets || len(topology.byNamespace["default"]) != len(topology.sets) {
		t.Errorf("%d sets are kept, %d by namespace", len(topology.sets), len(topology.byNamespace["default"]))
	}
}
