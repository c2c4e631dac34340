package profile

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Refusals asks every filter about a node, also after one has refused it, and returns what they have against it. PreFilter must
// have been called before.
func (p *Profile) Refusals(ctx context.Context, state *CycleState, pod *corev1.Pod, node fwk.NodeInfo) []*fwk.Status {
	var all []*fwk.Status
	for _, plugin := range state.filters {
		if status := plugin.Filter(ctx, state, pod, node); !status.IsSuccess() {
			all = append(all, named(status, plugin))
		}
	}
	return all
}
