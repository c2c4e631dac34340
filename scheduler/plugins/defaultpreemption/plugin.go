// Package defaultpreemption makes room for a pod that fits nowhere: it finds the node where evicting pods of lower
// priority costs least, evicts them, and nominates the node for the pod.
//
//	PostFilter: eligible? -> candidates (victims.go, a what-if on each node) -> best (choose.go) -> evict (evict.go)
//
// While the victims are asked to end the pod is held back from the queue. They end gracefully, so the pod is tried again when
// enough of them are gone; until then the nomination keeps pods of lower
// priority out of the room that is being made.
package defaultpreemption

import (
	"context"
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
)

// Name in configurations.
const Name = "DefaultPreemption"

// Plugin implements PostFilter.
type Plugin struct {
	Handle fwk.Handle
	Client client.Client
	Clock  clock.PassiveClock
	// Go runs an eviction beside the scheduling of other pods.
	Go func(func())
	// Hold keeps a pod that is being tried from being tried again while its victims are evicted, until Release, which says whether that failed.
	Hold    func(uid types.UID, victims []types.UID)
	Release func(uid types.UID, failed bool)
	// Retry has a pod tried again after its backoff.
	Retry func(types.UID)
	// Metrics count attempts and victims; nil for none.
	Metrics *metrics.Metrics
	// MinCandidates and MinCandidatesPercent bound the search: it goes on until it has found the larger of the number
	// and the share of the nodes. Defaults 100 and 10.
	MinCandidates, MinCandidatesPercent *int32

	last *memo
}

var _ fwk.PostFilterPlugin = &Plugin{}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PostFilter implements fwk.PostFilterPlugin.
func (p *Plugin) PostFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, refused fwk.NodeToStatusReader) (*fwk.PostFilterResult, *fwk.Status) {
	p.Metrics.Preempting()
	if reason := p.ineligible(pod, refused); reason != "" {
		return nil, fwk.NewStatus(fwk.Unschedulable, "preemption: "+reason)
	}
	nodes := p.Handle.SnapshotSharedLister().NodeInfos()
	all, err := nodes.List()
	if err != nil {
		return nil, failed(err)
	}
	search, err := p.newSearch(ctx, cycle, pod)
	if err != nil {
		return nil, failed(err)
	}
	helped, err := refused.NodesForStatusCode(nodes, fwk.Unschedulable)
	if err != nil {
		return nil, failed(err)
	}
	found := search.run(ctx, helped, p.enough(len(helped)))
	candidates, err := extended(p.Handle, pod, found)
	if err != nil {
		return nil, failed(err)
	}
	if len(candidates) == 0 {
		message := "preemption: no candidate node for preemption" // that the extenders would have
		if len(found) == 0 {
			message = "preemption: " + search.summary(all, refused)
		}
		return &fwk.PostFilterResult{NominatingInfo: nominate("")}, fwk.NewStatus(fwk.Unschedulable, message)
	}
	chosen := choose(candidates)
	p.Metrics.Victims(len(chosen.victims))
	p.evict(ctx, pod, chosen)
	return &fwk.PostFilterResult{NominatingInfo: nominate(chosen.node)}, nil
}

func failed(err error) *fwk.Status { return fwk.AsStatus(fmt.Errorf("preemption: %w", err)) }

func nominate(node string) *fwk.NominatingInfo {
	return &fwk.NominatingInfo{NominatedNodeName: node, NominatingMode: fwk.ModeOverride}
}

// ineligible says why the pod may not preempt others now, or "".
func (p *Plugin) ineligible(pod *corev1.Pod, refused fwk.NodeToStatusReader) string {
	if pod.Spec.PreemptionPolicy != nil && *pod.Spec.PreemptionPolicy == corev1.PreemptNever {
		return "not eligible due to preemptionPolicy=Never."
	}
	nominated := pod.Status.NominatedNodeName
	if nominated == "" || refused.Get(nominated).Code() == fwk.UnschedulableAndUnresolvable {
		return ""
	}
	node, err := p.Handle.SnapshotSharedLister().NodeInfos().Get(nominated)
	if err != nil {
		return ""
	}
	for _, other := range node.GetPods() {
		if Terminates(other.GetPod()) && priority(other) < corev1helpers.PodPriority(pod) {
			return "not eligible due to a terminating pod on the nominated node."
		}
	}
	return ""
}

func priority(info fwk.PodInfo) int32 { return corev1helpers.PodPriority(info.GetPod()) }

// Terminates says whether a pod ends because it was preempted.
func Terminates(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp == nil {
		return false
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.DisruptionTarget {
			return condition.Status == corev1.ConditionTrue && condition.Reason == corev1.PodReasonPreemptionByScheduler
		}
	}
	return false
}

// enough is how many candidates of that many nodes are enough to choose from.
func (p *Plugin) enough(nodes int) int {
	least, percent := int(ptr.Deref(p.MinCandidates, 100)), int(ptr.Deref(p.MinCandidatesPercent, 10))
	return min(max(nodes*percent/100, least), nodes)
}

// start is where a search among that many nodes begins, so that not all searches meet on the same ones.
func start(nodes int) int {
	if nodes < 2 {
		return 0
	}
	return rand.IntN(nodes)
}

const (
	notHelpful = "Preemption is not helpful for scheduling"
	noVictims  = "No preemption victims found for incoming pod"
)

func unavailable(total int, reasons string) string {
	return fmt.Sprintf("0/%d nodes are available: %s.", total, reasons)
}
