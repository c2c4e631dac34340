// Package prioritysort orders the queue: the higher priority first, then who has waited longer.
package prioritysort

import (
	"k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Name in configurations.
const Name = "PrioritySort"

// Plugin implements QueueSort.
type Plugin struct{}

var _ fwk.QueueSortPlugin = &Plugin{}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// Less implements fwk.QueueSortPlugin.
func (*Plugin) Less(a, b fwk.QueuedPodInfo) bool {
	first, second := corev1.PodPriority(a.GetPodInfo().GetPod()), corev1.PodPriority(b.GetPodInfo().GetPod())
	return first > second || (first == second && a.GetTimestamp().Before(b.GetTimestamp()))
}
