// Package noderesources refuses nodes that have too little left for what a pod requests (Fit), prefers those with the
// most left (LeastAllocated, or another Strategy) and those whose kinds of resources are used evenly (Balanced).
package noderesources

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/deviceclass"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// FitName in configurations.
const FitName = "NodeResourcesFit"

// Fit implements PreFilter, Filter and Score.
type Fit struct {
	Strategy Strategy
	// Ignored are extended resources, and IgnoredGroups the part before the slash of such, that fit anywhere.
	Ignored, IgnoredGroups []string
	// Client reads the device classes that stand for extended resources; nil if none do.
	Client client.Client
	// Devices reads which devices there are at a moment.
	Devices func(context.Context) (Devices, error)
}

var (
	_ fwk.PreFilterPlugin   = &Fit{}
	_ fwk.FilterPlugin      = &Fit{}
	_ fwk.ScorePlugin       = &Fit{}
	_ fwk.EnqueueExtensions = &Fit{}
)

func read(cycle fwk.CycleState, pod *corev1.Pod) fwk.PodResource {
	if data, err := cycle.Read(FitName); err == nil {
		return data.(*wanted).PodResource
	}
	return state.InfoOf(cycle, pod).CalculateResource()
}

// Local implements profile.Local.
func (*Fit) Local() {}

// Name implements fwk.Plugin.
func (*Fit) Name() string { return FitName }

// PreFilter implements fwk.PreFilterPlugin.
func (f *Fit) PreFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	want := &wanted{PodResource: state.InfoOf(cycle, pod).CalculateResource(), devices: f.Devices}
	if f.Client != nil && len(want.Resource.GetScalarResources()) > 0 {
		var err error
		if want.classes, err = deviceclass.Of(ctx, f.Client, pod); err != nil {
			return nil, fwk.AsStatus(err)
		}
	}
	cycle.Write(FitName, want)
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*Fit) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin. A pod that would not fit an empty node is not resolvable by preemption.
func (f *Fit) Filter(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
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
		if f.ignores(string(name)) || all.GetScalarResources()[name] == 0 && byClass(cycle)[name] != nil {
			continue // in the second case it is for DynamicResources to say
		}
		check(string(name), amount, used.GetScalarResources()[name], all.GetScalarResources()[name])
	}
	if len(reasons) == 0 {
		return nil
	}
	return fwk.NewStatus(code, reasons...)
}

// HasRoom says whether Filter lets a pod that requests so much onto the node, if no device classes stand for any of it.
func (f *Fit) HasRoom(want *state.Resource, node fwk.NodeInfo) bool {
	used, all := node.GetRequested(), node.GetAllocatable()
	fits := func(want, used, all int64) bool { return want <= 0 || want <= all-used }
	if len(node.GetPods())+1 > all.GetAllowedPodNumber() || !fits(want.MilliCPU, used.GetMilliCPU(), all.GetMilliCPU()) ||
		!fits(want.Memory, used.GetMemory(), all.GetMemory()) || !fits(want.EphemeralStorage, used.GetEphemeralStorage(), all.GetEphemeralStorage()) {
		return false
	}
	for name, amount := range want.Scalar {
		if !f.ignores(string(name)) && !fits(amount, used.GetScalarResources()[name], all.GetScalarResources()[name]) {
			return false
		}
	}
	return true
}

func (f *Fit) ignores(name string) bool {
	group, _, extended := strings.Cut(name, "/")
	return slices.Contains(f.Ignored, name) || extended && slices.Contains(f.IgnoredGroups, group)
}

// Score implements fwk.ScorePlugin: the mean of the scores of the kinds of resources, by their weights.
func (f *Fit) Score(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	var sum, weights int64
	for _, kind := range shares(ctx, cycle, pod, node, f.Strategy.Resources, true) {
		score := f.Strategy.score(kind)
		if score == 0 && f.Strategy.Type == schedulerv1.RequestedToCapacityRatio {
			continue // counts for nothing
		}
		weights += kind.weight
		sum += score * kind.weight
	}
	switch {
	case weights == 0:
		return 0, nil
	case f.Strategy.Type == schedulerv1.RequestedToCapacityRatio:
		return (sum + weights/2) / weights, nil // rounded
	}
	return sum / weights, nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (*Fit) ScoreExtensions() fwk.ScoreExtensions { return nil }

// share of one kind of resource that is used when the pod has come, what of it the pod asks for, and how much it counts.
type share struct{ used, asked, all, weight int64 }

// shares of kinds of resources that the node has, by default CPU and memory; extended ones only if the pod asks for them. floor
// counts containers that request nothing with a minimum.
func shares(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo, of []schedulerv1.ResourceSpec, floor bool) []share {
	want, used, all := read(cycle, pod), node.GetRequested(), node.GetAllocatable()
	cpu, memory, counted := want.Resource.GetMilliCPU(), want.Resource.GetMemory(), used
	if floor {
		counted, cpu, memory = node.GetNonZeroRequested(), want.Non0CPU, want.Non0Mem
	}
	if len(of) == 0 {
		of = cpuAndMemory()
	}
	kinds := make([]share, 0, 2)
	for _, resource := range of {
		kind := share{weight: max(resource.Weight, 1)}
		switch name := corev1.ResourceName(resource.Name); name {
		case corev1.ResourceCPU:
			kind.used, kind.asked, kind.all = counted.GetMilliCPU(), cpu, all.GetMilliCPU()
		case corev1.ResourceMemory:
			kind.used, kind.asked, kind.all = counted.GetMemory(), memory, all.GetMemory()
		case corev1.ResourceEphemeralStorage:
			kind.used, kind.asked, kind.all = used.GetEphemeralStorage(), want.Resource.GetEphemeralStorage(), all.GetEphemeralStorage()
		default:
			if asked := want.Resource.GetScalarResources()[name]; asked > 0 {
				kind.used, kind.asked, kind.all = used.GetScalarResources()[name], asked, all.GetScalarResources()[name]
				if class := byClass(cycle)[name]; class != nil && kind.all == 0 {
					kind.used, kind.all = devicesOf(ctx, cycle, node.Node(), class)
				}
			}
		}
		kind.used += kind.asked
		if kind.all > 0 {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
