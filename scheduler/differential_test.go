package scheduler

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/scheduler/config"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// chance makes clusters and pods.
type chance struct{ *rand.Rand }

func (c chance) of(part float64) bool { return c.Float64() < part }

func (c chance) label() string { return fmt.Sprint("app", c.IntN(3)) }

func (c chance) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": c.label()}}
}

func (c chance) key() string {
	return []string{corev1.LabelTopologyZone, corev1.LabelHostname}[c.IntN(2)]
}

func (c chance) node(name string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, "disk": fmt.Sprint("d", c.IntN(3))}}}
	if !c.of(0.1) {
		n.Labels[corev1.LabelTopologyZone] = fmt.Sprint("z", c.IntN(4))
	}
	n.Spec.Unschedulable = c.of(0.05)
	for _, effect := range []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule} {
		if c.of(0.15) {
			n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: fmt.Sprint("t", c.IntN(2)), Effect: effect})
		}
	}
	n.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: *resource.NewMilliQuantity(int64(1000+c.IntN(7000)), resource.DecimalSI), corev1.ResourceMemory: *resource.NewQuantity(int64(1+c.IntN(16))<<30, resource.BinarySI),
		corev1.ResourcePods: *resource.NewQuantity(int64(3+c.IntN(20)), resource.DecimalSI),
	}
	if c.of(0.4) {
		n.Status.Allocatable[gadget] = *resource.NewQuantity(int64(c.IntN(4)), resource.DecimalSI)
	}
	for i := range 3 {
		if c.of(0.3) {
			n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{fmt.Sprint("image:", i)}, SizeBytes: int64(c.IntN(900)) << 20})
		}
	}
	return n
}

func (c chance) container() corev1.Container {
	made := corev1.Container{Name: "main", Image: fmt.Sprint("image:", c.IntN(4)), Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{}}}
	if c.of(0.8) {
		made.Resources.Requests[corev1.ResourceCPU] = *resource.NewMilliQuantity(int64(50+c.IntN(1500)), resource.DecimalSI)
	}
	if c.of(0.8) {
		made.Resources.Requests[corev1.ResourceMemory] = *resource.NewQuantity(int64(1+c.IntN(2048))<<20, resource.BinarySI)
	}
	if c.of(0.1) {
		made.Ports = []corev1.ContainerPort{{HostPort: int32(8080 + c.IntN(3)), ContainerPort: 80, Protocol: corev1.ProtocolTCP}} //nolint:gosec // small
	}
	return made
}

func (c chance) pod(name string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Generation: 1, Labels: map[string]string{"app": c.label()}},
		Spec:       corev1.PodSpec{SchedulerName: corev1.DefaultSchedulerName, Containers: []corev1.Container{c.container()}},
	}
	if c.of(0.2) {
		p.Spec.Containers = append(p.Spec.Containers, c.container())
		p.Spec.Containers[1].Ports = nil
	}
	if c.of(0.2) {
		p.Spec.NodeSelector = map[string]string{"disk": fmt.Sprint("d", c.IntN(3))}
	}
	if c.of(0.3) {
		p.Spec.Tolerations = []corev1.Toleration{{Key: fmt.Sprint("t", c.IntN(2)), Operator: corev1.TolerationOpExists}}
	}
	if c.of(0.1) {
		p.Spec.Containers[0].Resources.Requests[gadget] = *resource.NewQuantity(int64(1+c.IntN(2)), resource.DecimalSI)
	}
	if c.of(0.15) {
		p.Spec.InitContainers = []corev1.Container{c.container(), c.container()}
		p.Spec.InitContainers[0].Ports, p.Spec.InitContainers[1].Ports = nil, nil
		p.Spec.InitContainers[c.IntN(2)].RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	}
	if c.of(0.1) {
		p.Spec.Overhead = corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(int64(c.IntN(300)), resource.DecimalSI)}
	}
	for _, action := range []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway} {
		if c.of(0.2) {
			p.Spec.TopologySpreadConstraints = append(p.Spec.TopologySpreadConstraints, c.spread(action))
		}
	}
	if c.of(0.5) {
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: c.nodeAffinity(), PodAffinity: &corev1.PodAffinity{}, PodAntiAffinity: &corev1.PodAntiAffinity{}}
		c.podAffinity(p.Spec.Affinity)
	}
	return p
}

func (c chance) spread(action corev1.UnsatisfiableConstraintAction) corev1.TopologySpreadConstraint {
	made := corev1.TopologySpreadConstraint{MaxSkew: int32(1 + c.IntN(2)), TopologyKey: c.key(), WhenUnsatisfiable: action, LabelSelector: c.selector()} //nolint:gosec // small
	if c.of(0.2) && action == corev1.DoNotSchedule {
		made.MinDomains = ptr.To(int32(1 + c.IntN(5))) //nolint:gosec // small
	}
	if c.of(0.3) {
		made.NodeTaintsPolicy = ptr.To(corev1.NodeInclusionPolicyHonor)
	}
	if c.of(0.3) {
		made.NodeAffinityPolicy = ptr.To(corev1.NodeInclusionPolicyIgnore)
	}
	if c.of(0.2) {
		made.LabelSelector, made.MatchLabelKeys = &metav1.LabelSelector{}, []string{"app"}
	}
	return made
}

func (c chance) nodeAffinity() *corev1.NodeAffinity {
	disks := func() corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "disk", Operator: corev1.NodeSelectorOpIn, Values: []string{"d0", fmt.Sprint("d", 1+c.IntN(2))}}}}
	}
	a := &corev1.NodeAffinity{}
	if c.of(0.3) {
		a.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{disks()}}
	}
	if c.of(0.4) {
		a.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.PreferredSchedulingTerm{{Weight: int32(1 + c.IntN(50)), Preference: disks()}} //nolint:gosec // small
	}
	return a
}

func (c chance) podAffinity(a *corev1.Affinity) {
	term := func() corev1.PodAffinityTerm {
		return corev1.PodAffinityTerm{TopologyKey: c.key(), LabelSelector: c.selector()}
	}
	weighted := func() []corev1.WeightedPodAffinityTerm {
		return []corev1.WeightedPodAffinityTerm{{Weight: int32(1 + c.IntN(100)), PodAffinityTerm: term()}} //nolint:gosec // small
	}
	if c.of(0.2) {
		a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution = []corev1.PodAffinityTerm{term()}
	}
	if c.of(0.1) {
		a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution = []corev1.PodAffinityTerm{term()}
	}
	if c.of(0.3) {
		a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution = weighted()
	}
	if c.of(0.3) {
		a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution = weighted()
	}
}

// world is a scheduler and the reference for it.
type world struct {
	*Scheduler
	reference
	chance
	api   *memory
	names []string // of the pods that have a node
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		api: &memory{bound: make(chan *corev1.Pod, 1)}, reference: reference{nodes: map[string]*corev1.Node{}, pods: map[string]*corev1.Pod{}},
		chance: chance{rand.New(rand.NewPCG(seed, seed))}, //nolint:gosec // it is to be repeated
	}
	w.Scheduler = &Scheduler{Client: w.api, Recorder: func(string) events.EventRecorderLogger { return quietRecorder{} }, Clock: clock.RealClock{}}
	if seed%3 == 1 {
		w.configure(t)
	}
	if err := w.init(t.Context()); err != nil {
		t.Fatal(err)
	}
	nodes := 3 + w.IntN(25)
	if seed%10 == 9 { // some of the work is done in another way for many
		nodes += state.FewValues
	}
	for i := range nodes {
		n := w.chance.node(fmt.Sprint("node-", i))
		w.nodes[n.Name] = n
		w.nodeAdded(n)
	}
	return w
}

// configure has the scheduler weigh scores in another way, and prefer what is full.
func (w *world) configure(t *testing.T) {
	const packing = `{"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration", "profiles": [{
		"plugins": {"score": {"enabled": [{"name": "ImageLocality", "weight": 7}, {"name": "NodeAffinity", "weight": 1}]}, "multiPoint": {"enabled": [{"name": "PodTopologySpread", "weight": 5}]}},
		"pluginConfig": [{"name": "NodeResourcesFit", "args": {"scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "cpu"}, {"name": "memory"}]}}}]}]}`
	configuration, err := config.Read([]byte(packing))
	if err != nil {
		t.Fatal(err)
	}
	w.Configuration, w.packed, w.weights = configuration, true, map[string]int64{"ImageLocality": 7, "NodeAffinity": 1, "PodTopologySpread": 5}
}

// disturb changes something in the cluster now and then.
func (w *world) disturb() {
	if w.of(0.1) {
		n := w.chance.node(fmt.Sprint("node-", w.IntN(len(w.nodes))))
		old := w.nodes[n.Name]
		w.nodes[n.Name] = n
		w.nodeUpdated(old, n)
	}
	if w.of(0.2) && len(w.names) > 0 {
		i := w.IntN(len(w.names))
		gone := w.pods[w.names[i]]
		w.names = slices.Delete(w.names, i, i+1)
		delete(w.pods, gone.Name)
		w.podDeleted(gone)
	}
}

// place has one pod scheduled and returns what is wrong with where it went.
func (w *world) place(t *testing.T, p *corev1.Pod) string {
	var fitting []*corev1.Node
	for _, n := range w.nodes {
		if w.refusal(p, n) == "" {
			fitting = append(fitting, n)
		}
	}
	totals := w.totals(p, fitting)
	w.podChanged(t.Context(), nil, p)
	w.scheduleOne(t.Context(), w.queue.Pop(t.Context()))
	w.binding.Wait()
	if len(w.api.bound) == 0 {
		w.podDeleted(p)
		if len(fitting) > 0 {
			return fmt.Sprintf("went nowhere, but %s is free for it", fitting[0].Name)
		}
		return ""
	}
	placed := <-w.api.bound
	why := w.refusal(p, w.nodes[placed.Spec.NodeName])
	w.podChanged(t.Context(), p, placed)
	w.pods[placed.Name], w.names = placed, append(w.names, placed.Name)
	if why != "" {
		return fmt.Sprintf("is on %s against its %s", placed.Spec.NodeName, why)
	}
	if got, best := totals[placed.Spec.NodeName], highest(totals); got != best {
		return fmt.Sprintf("is on %s with a score of %d; the best is %d of %v", placed.Spec.NodeName, got, best, totals)
	}
	return ""
}

// TestDecisionsAreThoseOfTheReference: no decision for random pods in random clusters that change meanwhile violates a rule of
// the reference, and the node that is chosen has the best score by it, as its plugins weigh them.
func TestDecisionsAreThoseOfTheReference(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(t, seed)
		for i := range 60 {
			w.disturb()
			if wrong := w.place(t, w.chance.pod(fmt.Sprint("pod-", i))); wrong != "" {
				t.Errorf("seed %d, pod %d: %s", seed, i, wrong)
				break
			}
		}
	}
}
