package dynamicresources

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/normalize"
)

// PreScore implements fwk.PreScorePlugin: only claims that say what they would rather have tell nodes apart.
func (*Plugin) PreScore(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	if n := read(cycle); n != nil {
		for _, claim := range n.open {
			for i := range claim.Spec.Devices.Requests {
				if len(claim.Spec.Devices.Requests[i].FirstAvailable) > 0 {
					return nil
				}
			}
		}
	}
	return fwk.NewStatus(fwk.Skip)
}

// Score implements fwk.ScorePlugin: the earlier in the lists of requests what was chosen on the node is, the better.
func (*Plugin) Score(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	n := read(cycle)
	if n == nil {
		return 0, nil
	}
	var score int64
	results := n.choiceOn(node.Node().Name).results
	for i, claim := range n.open {
		if i < len(results) {
			score += preference(claim, &results[i])
		}
	}
	return score, nil
}

// preference for what was chosen for a claim.
func preference(claim *resourcev1.ResourceClaim, chosen *resourcev1.AllocationResult) int64 {
	requests := sets.New[string]()
	for i := range chosen.Devices.Results {
		requests.Insert(chosen.Devices.Results[i].Request)
	}
	var score int64
	for i := range claim.Spec.Devices.Requests {
		request := &claim.Spec.Devices.Requests[i]
		for place := range request.FirstAvailable {
			if requests.Has(resourceclaim.CreateSubRequestRef(request.Name, request.FirstAvailable[place].Name)) {
				score += int64(resourcev1.FirstAvailableDeviceRequestMaxSize - place)
			}
		}
	}
	return score
}

// ScoreExtensions implements fwk.ScorePlugin.
func (p *Plugin) ScoreExtensions() fwk.ScoreExtensions { return p }

// NormalizeScore implements fwk.ScoreExtensions.
func (*Plugin) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	normalize.Highest(scores)
	return nil
}
