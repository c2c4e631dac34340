package daemonset

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// demands are what a daemon pod asks of a node, prepared once for all nodes.
type demands struct {
	node        string // it is for that one only
	affinity    nodeaffinity.RequiredNodeAffinity
	tolerations []corev1.Toleration
}

func demandsOf(spec *corev1.PodSpec) demands {
	return demands{
		node: spec.NodeName, affinity: nodeaffinity.GetRequiredNodeAffinity(&corev1.Pod{Spec: *spec}),
		tolerations: append(tolerations(spec.HostNetwork), spec.Tolerations...),
	}
}

// fits says whether a daemon pod should be started on a node, and whether one that is
// there may stay.
func (d *demands) fits(node *corev1.Node) (start, stay bool) {
	if d.node != "" && d.node != node.Name {
		return false, false
	}
	matches, err := d.affinity.Match(node)
	if err != nil || !matches {
		return false, false
	}
	start, stay = true, true
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule || tolerates(d.tolerations, taint) {
			continue
		}
		start = false
		stay = stay && taint.Effect != corev1.TaintEffectNoExecute
	}
	return start, stay
}

func tolerates(tolerations []corev1.Toleration, taint *corev1.Taint) bool {
	for i := range tolerations {
		if tolerations[i].ToleratesTaint(klog.Background(), taint, true) {
			return true
		}
	}
	return false
}

// tolerations are what every daemon pod tolerates: it runs on nodes that are in trouble.
func tolerations(hostNetwork bool) []corev1.Toleration {
	exists := func(key string, effect corev1.TaintEffect) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect}
	}
	out := []corev1.Toleration{
		exists(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute),
		exists(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute),
		exists(corev1.TaintNodeDiskPressure, corev1.TaintEffectNoSchedule),
		exists(corev1.TaintNodeMemoryPressure, corev1.TaintEffectNoSchedule),
		exists(corev1.TaintNodePIDPressure, corev1.TaintEffectNoSchedule),
		exists(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule),
	}
	if hostNetwork {
		out = append(out, exists(corev1.TaintNodeNetworkUnavailable, corev1.TaintEffectNoSchedule))
	}
	return out
}

// addTolerations adds the tolerations that a pod does not have yet.
func addTolerations(spec *corev1.PodSpec) {
	for _, wanted := range tolerations(spec.HostNetwork) {
		have := false
		for i := range spec.Tolerations {
			have = have || spec.Tolerations[i].MatchToleration(&wanted)
		}
		if !have {
			spec.Tolerations = append(spec.Tolerations, wanted)
		}
	}
}

// nodeField is how node affinity names the node itself.
const nodeField = "metadata.name"

// pinTo makes a pod fit only the named node.
func pinTo(spec *corev1.PodSpec, node string) {
	only := corev1.NodeSelectorRequirement{Key: nodeField, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}
	if spec.Affinity == nil {
		spec.Affinity = &corev1.Affinity{}
	}
	if spec.Affinity.NodeAffinity == nil {
		spec.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	required := spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if required == nil || len(required.NodeSelectorTerms) == 0 {
		spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{only}}},
		}
		return
	}
	for i := range required.NodeSelectorTerms { // terms are alternatives
		required.NodeSelectorTerms[i].MatchFields = []corev1.NodeSelectorRequirement{only}
	}
}

// nodeOf is the node that a daemon pod is on, or was made for.
func nodeOf(pod *corev1.Pod) string {
	if pod.Spec.NodeName != "" || pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return pod.Spec.NodeName
	}
	required := pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if required == nil {
		return ""
	}
	for _, term := range required.NodeSelectorTerms {
		for _, field := range term.MatchFields {
			if field.Key == nodeField && field.Operator == corev1.NodeSelectorOpIn && len(field.Values) == 1 {
				return field.Values[0]
			}
		}
	}
	return ""
}
