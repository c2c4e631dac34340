package why

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/coxswain-k8s/coxswain/scheduler"
)

// advice says what would open nodes to the pod: first what would do so alone.
func advice(f *Facts) []string {
	e := f.Scheduler
	if e.All != nil && e.All.Plugin == "DynamicResources" {
		return provide(f, strings.Join(e.All.Reasons, " "))
	}
	if e.All != nil || e.Evicting {
		return nil
	}
	alone, every := map[string][]scheduler.NodeOpinion{}, map[string][]scheduler.NodeOpinion{}
	for _, node := range e.Nodes {
		plugins := sets.New[string]()
		for _, refusal := range node.Refusals {
			plugins.Insert(refusal.Plugin)
		}
		for plugin := range plugins {
			every[plugin] = append(every[plugin], node)
			if len(plugins) == 1 {
				alone[plugin] = append(alone[plugin], node)
			}
		}
	}
	var lines []string
	for _, plugin := range byCount(alone) {
		if text := remedy(plugin, alone[plugin]); text != "" {
			lines = append(lines, text)
		}
	}
	if len(lines) > 0 || len(fitting(e)) > 0 {
		return lines
	}
	// Everywhere several things are in the way.
	for _, plugin := range byCount(every) {
		if text := remedy(plugin, every[plugin]); text != "" {
			lines = append(lines, text)
		}
	}
	if len(lines) > 1 {
		lines = append([]string{"on every node several things are in the way; on one node, all of these:"}, lines...)
	}
	return lines
}

func byCount(nodes map[string][]scheduler.NodeOpinion) []string {
	plugins := sets.List(sets.KeySet(nodes))
	slices.SortStableFunc(plugins, func(a, b string) int { return len(nodes[b]) - len(nodes[a]) })
	return plugins
}

// remedy says what would make the plugin take these nodes.
func remedy(plugin string, nodes []scheduler.NodeOpinion) string {
	var names []string
	for _, node := range nodes {
		names = append(names, node.Name)
	}
	switch plugin {
	case "NodeResourcesFit":
		return room(nodes)
	case "TaintToleration":
		return tolerate(plugin, nodes)
	case "NodeAffinity":
		if detail := detailOf(plugin, nodes[0]); strings.HasPrefix(detail, "want ") {
			return fmt.Sprintf("label a node as the pod's node selector or affinity says (%s: %s), or change these", nodes[0].Name, detail)
		}
		return "label a node as the pod's node selector or affinity says, or change these"
	case "NodeUnschedulable":
		return "let pods onto " + list(names) + " again: kubectl uncordon " + names[0]
	}
	text, known := remedies()[plugin]
	if !known {
		return ""
	}
	return text
}

// remedies of plugins for which there is one sentence.
func remedies() map[string]string {
	return map[string]string{
		"NodePorts":          "give the pod another hostPort or none, or end the pod that has it",
		"PodTopologySpread":  "relax the pod's topologySpreadConstraints (maxSkew, whenUnsatisfiable: ScheduleAnyway), or add nodes where there are few of its kind",
		"InterPodAffinity":   "relax the pod's affinity to or from other pods, add nodes, or look for pods that want none of its kind near",
		"VolumeZone":         "add nodes in the zone of the pod's volumes",
		"NodeVolumeLimits":   "end pods with volumes on a node, or add a node: too many volumes are attached",
		"VolumeRestrictions": "end the pod that uses the same volume: it can be used by one only",
		"VolumeBinding":      "add nodes where the pod's volumes can be used, or make volumes for its claims there",
		"DynamicResources":   "free devices, or add nodes whose drivers offer what the pod's resource claims ask for",
		"NodeName":           "create the pod again without spec.nodeName",
	}
}

// provide says how a pod gets devices that no node can give it.
func provide(f *Facts, reasons string) []string {
	for _, claim := range f.Pod.Spec.ResourceClaims {
		if name := claim.ResourceClaimName; name != nil && strings.Contains(reasons, fmt.Sprintf("%q not found", *name)) {
			return []string{fmt.Sprintf("create the ResourceClaim %s in the namespace %s", *name, f.Pod.Namespace)}
		}
	}
	if strings.Contains(reasons, "device class ") {
		return []string{"install the driver that brings the device class, or name one that there is in the resource claim: kubectl get deviceclasses"}
	}
	return []string{remedies()["DynamicResources"]}
}

// room says what is short where least is.
func room(nodes []scheduler.NodeOpinion) string {
	best := slices.MinFunc(nodes, func(a, b scheduler.NodeOpinion) int {
		return cmp.Or(roomy(b)-roomy(a), cmp.Compare(gapOf(a), gapOf(b)))
	})
	var short []string
	large := false // enough, if it were empty
	for _, refusal := range best.Refusals {
		if refusal.Plugin != "NodeResourcesFit" {
			continue
		}
		for i, reason := range refusal.Reasons {
			short = append(short, strings.TrimPrefix(reason, "Insufficient ")+detail(refusal, i))
		}
		large = refusal.Preemptible
	}
	what := strings.Join(short, ", ")
	if large {
		return fmt.Sprintf("make room on %s, which comes closest: %s; end or shrink other pods there, ask for less, or add a node", best.Name, what)
	}
	return fmt.Sprintf("ask for less, or add a larger node: no node has that much even when empty; %s comes closest: %s", best.Name, what)
}

// roomy is 1 for a node that would be large enough if it were empty.
func roomy(node scheduler.NodeOpinion) int {
	for _, refusal := range node.Refusals {
		if refusal.Plugin == "NodeResourcesFit" && refusal.Preemptible {
			return 1
		}
	}
	return 0
}

func detail(refusal scheduler.Refusal, i int) string {
	if i < len(refusal.Details) && refusal.Details[i] != "" {
		return " (" + refusal.Details[i] + ")"
	}
	return ""
}

func detailOf(plugin string, node scheduler.NodeOpinion) string {
	for _, refusal := range node.Refusals {
		if refusal.Plugin == plugin && len(refusal.Details) > 0 {
			return refusal.Details[0]
		}
	}
	return ""
}

// tolerate says which taints are in the way; those that Kubernetes sets itself go when their cause does.
func tolerate(plugin string, nodes []scheduler.NodeOpinion) string {
	taint, node := detailOf(plugin, nodes[0]), nodes[0].Name
	switch {
	case strings.HasPrefix(taint, "node.kubernetes.io/unschedulable"):
		return "let pods onto it again: kubectl uncordon " + node
	case strings.HasPrefix(taint, "node.kubernetes.io/"), strings.HasPrefix(taint, "node.cloudprovider.kubernetes.io/"):
		return fmt.Sprintf("get %s well again, which is tainted %s: kubectl describe node %s", node, taint, node)
	case taint == "":
		return "let the pod tolerate the nodes' taints, or remove these"
	}
	return fmt.Sprintf("let the pod tolerate %s, or remove the taint: kubectl taint node %s %s-", taint, node, strings.Split(taint, ", ")[0])
}

// wakes says what has a pod tried again that these plugins have refused.
func wakes(plugins []string) string {
	events := map[string]string{
		"NodeResourcesFit": "pods end or shrink, nodes come or grow", "NodePorts": "pods end, nodes come", "TaintToleration": "taints of nodes change",
		"NodeAffinity": "labels of nodes change, nodes come", "NodeUnschedulable": "nodes are uncordoned", "NodeName": "nodes come",
		"PodTopologySpread": "pods come or end, nodes come", "InterPodAffinity": "pods come, end or change labels",
		"VolumeBinding": "claims, volumes or storage classes change", "VolumeZone": "volumes or nodes change", "NodeVolumeLimits": "pods with volumes end",
		"VolumeRestrictions": "claims come or get a volume, pods with the volume end", "DynamicResources": "resource claims or devices change",
		"NodeDeclaredFeatures": "nodes come or declare more features",
	}
	var all []string
	for _, plugin := range plugins {
		text := plugin
		if event := events[plugin]; event != "" {
			text += " (" + event + ")"
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return "anything of it"
	}
	return strings.Join(all, ", ")
}
