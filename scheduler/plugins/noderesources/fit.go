// Package noderesources refuses nodes that have too little left for what a pod requests (Fit), prefers those with the
// most left (LeastAllocated) and those whose kinds of resources are used evenly (Balanced).
package noderesources

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// FitName in configurations.
const FitName = "NodeResourcesFit"

// Fit implements PreFilter, Filter and Score.
type Fit struct{}

var (
	_ fwk.PreFilterPlugin   = &Fit{}
	_ fwk.FilterPlugin      = &Fit{}
	_ fwk.ScorePlugin       = &Fit{}
	_ fwk.EnqueueExtensions = &Fit{}
)

// wanted is what the pod of this cycle requests.
type wanted struct{ fwk.PodResource }

// Clone implements fwk.StateData.
func (w wanted) Clone() fwk.StateData { return w }

func read(cycle fwk.CycleState, pod *corev1.Pod) fwk.PodResource {
	if data, err := cycle.Read(FitName); err == nil {
		return data.(wanted).PodResource
	}
	return state.InfoOf(cycle, pod).CalculateResource()
}

// Local implements profile.Local.
func (*Fit) Local() {}

// Name implements fwk.Plugin.
func (*Fit) Name() string { return FitName }

// PreFilter implements fwk.PreFilterPlugin.
func (*Fit) PreFilter(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	cycle.Write(FitName, wanted{state.InfoOf(cycle, pod).CalculateResource()})
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*Fit) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin. A pod that would not fit an empty node is not resolvable by preemption.
func (*Fit) Filter(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	want, used, all := read(cycle, pod).Resource, node.GetRequested(), node.GetAllocatable()
	var reasons []string
	code := fwk.Unschedulable
	check := func(name string, want, used, all int64) {
		if want > 0 && want > all-used {
			reasons = append(reasons, "Insufficient "+name)
			if want > all {
				code = fwk.UnschedulableAndUnresolvable
			}
		}
	}
	if len(node.GetPods())+1 > all.GetAllowedPodNumber() {
		reasons = append(reasons, "Too many pods")
	}
	check("cpu", want.GetMilliCPU(), used.GetMilliCPU(), all.GetMilliCPU())
	check("memory", want.GetMemory(), used.GetMemory(), all.GetMemory())
	check("ephemeral-storage", want.GetEphemeralStorage(), used.GetEphemeralStorage(), all.GetEphemeralStorage())
	for name, amount := range want.GetScalarResources() {
		check(string(name), amount, used.GetScalarResources()[name], all.GetScalarResources()[name])
	}
	if len(reasons) == 0 {
		return nil
	}
	return fwk.NewStatus(code, reasons...)
}

// Score implements fwk.ScorePlugin: the share of CPU and memory that would be left, LeastAllocated.
func (*Fit) Score(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	var sum, kinds int64
	for _, kind := range shares(cycle, pod, node, true) {
		kinds++
		if kind.used <= kind.all {
			sum += (kind.all - kind.used) * fwk.MaxScore / kind.all
		}
	}
	if kinds == 0 {
		return 0, nil
	}
	return sum / kinds, nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (*Fit) ScoreExtensions() fwk.ScoreExtensions { return nil }

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Fit) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete | fwk.UpdatePodScaleDown}},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeAllocatable}},
	}, nil
}

// share of one kind of resource that is used when the pod has come.
type share struct{ used, all int64 }

// shares of CPU and memory. floor counts containers that request nothing with a minimum.
func shares(cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo, floor bool) []share {
	want, used, all := read(cycle, pod), node.GetRequested(), node.GetAllocatable()
	cpu, memory := want.Resource.GetMilliCPU(), want.Resource.GetMemory()
	if floor {
		used, cpu, memory = node.GetNonZeroRequested(), want.Non0CPU, want.Non0Mem
	}
	var kinds []share
	if all.GetMilliCPU() > 0 {
		kinds = append(kinds, share{used: used.GetMilliCPU() + cpu, all: all.GetMilliCPU()})
	}
	if all.GetMemory() > 0 {
		kinds = append(kinds, share{used: used.GetMemory() + memory, all: all.GetMemory()})
	}
	return kinds
}
