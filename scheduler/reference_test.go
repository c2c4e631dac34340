package scheduler

import (
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// reference is the rules of the default plugins, as their documentation has them, by looking at every node and every pod each
// time. It knows nothing of the scheduler's code.
type reference struct {
	nodes map[string]*corev1.Node
	pods  map[string]*corev1.Pod // with a node
	// weights of scores that are not the default, by plugins; packed says that what is full is preferred.
	weights map[string]int64
	packed  bool
}

// weight of a plugin's scores.
func (r *reference) weight(plugin string) int64 {
	if w, ok := r.weights[plugin]; ok {
		return w
	}
	return map[string]int64{"TaintToleration": 3, "NodeAffinity": 2, "PodTopologySpread": 2, "InterPodAffinity": 2}[plugin] + map[string]int64{"NodeResourcesFit": 1, "NodeResourcesBalancedAllocation": 1, "ImageLocality": 1}[plugin]
}

func (r *reference) on(node string) (pods []*corev1.Pod) {
	for _, p := range r.pods {
		if p.Spec.NodeName == node {
			pods = append(pods, p)
		}
	}
	return pods
}

// asks is what containers request, of CPU in thousandths; floor counts those that request nothing with a minimum.
func asks(pod *corev1.Pod, floor bool) (cpu, memory int64) {
	for _, c := range pod.Spec.Containers {
		ofCPU, ofMemory := asksOne(c, floor)
		cpu, memory = cpu+ofCPU, memory+ofMemory
	}
	var sidecarCPU, sidecarMemory, mostCPU, mostMemory int64
	for _, c := range pod.Spec.InitContainers { // one after the other; those that stay count from then on
		ofCPU, ofMemory := asksOne(c, floor)
		mostCPU, mostMemory = max(mostCPU, sidecarCPU+ofCPU), max(mostMemory, sidecarMemory+ofMemory)
		if c.RestartPolicy != nil {
			sidecarCPU, sidecarMemory = sidecarCPU+ofCPU, sidecarMemory+ofMemory
		}
	}
	cpu, memory = max(cpu+sidecarCPU, mostCPU), max(memory+sidecarMemory, mostMemory)
	return cpu + pod.Spec.Overhead.Cpu().MilliValue(), memory + pod.Spec.Overhead.Memory().Value()
}

func asksOne(c corev1.Container, floor bool) (cpu, memory int64) {
	cpu, memory = c.Resources.Requests.Cpu().MilliValue(), c.Resources.Requests.Memory().Value()
	if _, says := c.Resources.Requests[corev1.ResourceCPU]; !says && floor {
		cpu = 100
	}
	if _, says := c.Resources.Requests[corev1.ResourceMemory]; !says && floor {
		memory = 200 << 20
	}
	return cpu, memory
}

// gadget is a resource that only some nodes have.
const gadget = corev1.ResourceName("example.com/gadget")

func gadgets(pods ...*corev1.Pod) (n int64) {
	for _, p := range pods {
		for _, c := range p.Spec.Containers {
			asked := c.Resources.Requests[gadget]
			n += asked.Value()
		}
	}
	return n
}

func (r *reference) used(node string, floor bool) (cpu, memory int64) {
	for _, p := range r.on(node) {
		ofCPU, ofMemory := asks(p, floor)
		cpu, memory = cpu+ofCPU, memory+ofMemory
	}
	return cpu, memory
}

func tolerates(pod *corev1.Pod, taint corev1.Taint) bool {
	return slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
		return t.Key == taint.Key && (t.Effect == "" || t.Effect == taint.Effect)
	})
}

func matchesTerm(term corev1.NodeSelectorTerm, node *corev1.Node) bool {
	for _, e := range term.MatchExpressions { // In alone is used here
		if !slices.Contains(e.Values, node.Labels[e.Key]) {
			return false
		}
	}
	return true
}

// wanted says whether the pod's selector and required affinity take the node.
func wanted(pod *corev1.Pod, node *corev1.Node) bool {
	if !labels.SelectorFromSet(pod.Spec.NodeSelector).Matches(labels.Set(node.Labels)) {
		return false
	}
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		return slices.ContainsFunc(a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms, func(t corev1.NodeSelectorTerm) bool { return matchesTerm(t, node) })
	}
	return true
}

func selects(selector *metav1.LabelSelector, pod *corev1.Pod) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(pod.Labels))
}

// refusal names the rule that forbids the node, or is "".
func (r *reference) refusal(pod *corev1.Pod, node *corev1.Node) string {
	cpu, memory := asks(pod, false)
	usedCPU, usedMemory := r.used(node.Name, false)
	all := node.Status.Allocatable
	switch {
	case node.Spec.Unschedulable:
		return "unschedulable"
	case !wanted(pod, node):
		return "node affinity"
	case cpu > 0 && usedCPU+cpu > all.Cpu().MilliValue() || memory > 0 && usedMemory+memory > all.Memory().Value():
		return "resources"
	case gadgets(pod) > 0 && gadgets(pod)+gadgets(r.on(node.Name)...) > all.Name(gadget, resource.DecimalSI).Value():
		return "gadgets"
	case int64(len(r.on(node.Name)))+1 > all.Pods().Value():
		return "too many pods"
	case !r.portsFree(pod, node):
		return "ports"
	case !r.spreads(pod, node):
		return "spread"
	case !r.sociable(pod, node):
		return "pod affinity"
	}
	for _, taint := range node.Spec.Taints {
		if taint.Effect == corev1.TaintEffectNoSchedule && !tolerates(pod, taint) {
			return "taint"
		}
	}
	return ""
}

func (r *reference) portsFree(pod *corev1.Pod, node *corev1.Node) bool {
	for _, other := range r.on(node.Name) {
		for _, c := range other.Spec.Containers {
			for _, taken := range c.Ports {
				for _, mine := range pod.Spec.Containers {
					if slices.ContainsFunc(mine.Ports, func(p corev1.ContainerPort) bool { return p.HostPort > 0 && p.HostPort == taken.HostPort }) {
						return false
					}
				}
			}
		}
	}
	return true
}

// together says whether nodes share a value of a label.
func together(key string, a, b *corev1.Node) bool {
	value, has := a.Labels[key]
	other, also := b.Labels[key]
	return has && also && value == other
}

// sociable says whether required affinity and anti-affinity hold, the pod's own and that of others.
func (r *reference) sociable(pod *corev1.Pod, node *corev1.Node) bool {
	for _, other := range r.pods {
		there := r.nodes[other.Spec.NodeName]
		for _, term := range requiredAnti(other) {
			if selects(term.LabelSelector, pod) && together(term.TopologyKey, there, node) {
				return false
			}
		}
		for _, term := range requiredAnti(pod) {
			if selects(term.LabelSelector, other) && together(term.TopologyKey, there, node) {
				return false
			}
		}
	}
	for _, term := range required(pod) { // one at most
		if _, has := node.Labels[term.TopologyKey]; !has {
			return false
		}
		near, anywhere := false, false
		for _, other := range r.pods {
			if selects(term.LabelSelector, other) {
				there := r.nodes[other.Spec.NodeName]
				_, counts := there.Labels[term.TopologyKey]
				anywhere, near = anywhere || counts, near || together(term.TopologyKey, there, node)
			}
		}
		if !near && (anywhere || !selects(term.LabelSelector, pod)) {
			return false
		}
	}
	return true
}

func required(pod *corev1.Pod) []corev1.PodAffinityTerm {
	if a := pod.Spec.Affinity; a != nil && a.PodAffinity != nil {
		return a.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	return nil
}

func requiredAnti(pod *corev1.Pod) []corev1.PodAffinityTerm {
	if a := pod.Spec.Affinity; a != nil && a.PodAntiAffinity != nil {
		return a.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	return nil
}

// preferred terms, those of anti-affinity with negative weights.
func preferred(pod *corev1.Pod) (terms []corev1.WeightedPodAffinityTerm) {
	if a := pod.Spec.Affinity; a != nil && a.PodAffinity != nil {
		terms = append(terms, a.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution...)
	}
	if a := pod.Spec.Affinity; a != nil && a.PodAntiAffinity != nil {
		for _, t := range a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
			t.Weight = -t.Weight
			terms = append(terms, t)
		}
	}
	return terms
}

// totals are the weighted scores of the nodes that fit.
func (r *reference) totals(pod *corev1.Pod, fitting []*corev1.Node) map[string]int64 {
	taints, affinity, social := map[string]int64{}, map[string]int64{}, map[string]int64{}
	for _, n := range fitting {
		for _, taint := range n.Spec.Taints {
			if taint.Effect == corev1.TaintEffectPreferNoSchedule && !tolerates(pod, taint) {
				taints[n.Name]++
			}
		}
		if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil {
			for _, p := range a.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
				if matchesTerm(p.Preference, n) {
					affinity[n.Name] += int64(p.Weight)
				}
			}
		}
		social[n.Name] = r.company(pod, n)
	}
	mostTaints, mostAffinity := highest(taints), highest(affinity)
	lowest, highest := int64(math.MaxInt64), int64(math.MinInt64)
	for _, s := range social {
		lowest, highest = min(lowest, s), max(highest, s)
	}
	totals, sparse := map[string]int64{}, r.sparse(pod, fitting)
	for _, n := range fitting {
		total := r.weight("NodeResourcesFit")*r.roomy(pod, n) + r.weight("NodeResourcesBalancedAllocation")*r.even(pod, n) + r.weight("ImageLocality")*r.pulled(pod, n)
		total += r.weight("PodTopologySpread")*sparse[n.Name] + r.weight("TaintToleration")*100
		if mostTaints > 0 {
			total -= r.weight("TaintToleration") * (100 * taints[n.Name] / mostTaints)
		}
		if mostAffinity > 0 {
			total += r.weight("NodeAffinity") * (100 * affinity[n.Name] / mostAffinity)
		}
		if highest > lowest {
			total += r.weight("InterPodAffinity") * int64(100*(float64(social[n.Name]-lowest)/float64(highest-lowest)))
		}
		totals[n.Name] = total
	}
	return totals
}

func highest(of map[string]int64) (top int64) {
	for _, v := range of {
		top = max(top, v)
	}
	return top
}

// company is what preferred terms, the pod's and others', make of the node.
func (r *reference) company(pod *corev1.Pod, node *corev1.Node) (sum int64) {
	for _, other := range r.pods {
		there := r.nodes[other.Spec.NodeName]
		for _, t := range preferred(pod) {
			if selects(t.PodAffinityTerm.LabelSelector, other) && together(t.PodAffinityTerm.TopologyKey, there, node) {
				sum += int64(t.Weight)
			}
		}
		for _, t := range preferred(other) {
			if selects(t.PodAffinityTerm.LabelSelector, pod) && together(t.PodAffinityTerm.TopologyKey, there, node) {
				sum += int64(t.Weight)
			}
		}
		for _, t := range required(other) { // counts 1
			if selects(t.LabelSelector, pod) && together(t.TopologyKey, there, node) {
				sum++
			}
		}
	}
	return sum
}

// roomy is the score for what is left of CPU and memory.
func (r *reference) roomy(pod *corev1.Pod, node *corev1.Node) int64 {
	cpu, memory := asks(pod, true)
	usedCPU, usedMemory := r.used(node.Name, true)
	left := func(used, all int64) int64 {
		if r.packed {
			return min(used, all) * 100 / all
		}
		return max(all-used, 0) * 100 / all
	}
	return (left(usedCPU+cpu, node.Status.Allocatable.Cpu().MilliValue()) + left(usedMemory+memory, node.Status.Allocatable.Memory().Value())) / 2
}

// even is the score for how much more balanced the pod makes the node.
func (r *reference) even(pod *corev1.Pod, node *corev1.Node) int64 {
	cpu, memory := asks(pod, false)
	if cpu == 0 && memory == 0 {
		return 0
	}
	usedCPU, usedMemory := r.used(node.Name, false)
	balance := func(cpu, memory int64) int64 {
		a := min(float64(cpu)/float64(node.Status.Allocatable.Cpu().MilliValue()), 1)
		b := min(float64(memory)/float64(node.Status.Allocatable.Memory().Value()), 1)
		return int64((1 - math.Abs(a-b)/2) * 100)
	}
	return (150 + balance(usedCPU+cpu, usedMemory+memory) - balance(usedCPU, usedMemory)) / 2
}

// pulled is the score for images that are there.
func (r *reference) pulled(pod *corev1.Pod, node *corev1.Node) int64 {
	var sum int64
	all := slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
	for _, c := range all {
		size, have := int64(0), 0
		for _, n := range r.nodes {
			for _, image := range n.Status.Images {
				if !slices.Contains(image.Names, c.Image) {
					continue
				}
				have++
				if n == node {
					size = image.SizeBytes
				}
			}
		}
		sum += int64(float64(size) * (float64(have) / float64(len(r.nodes))))
	}
	least, most := int64(23<<20), int64(1000<<20)*int64(len(all))
	return 100 * (min(max(sum, least), most) - least) / (most - least)
}
