package noderesources

import (
	"context"
	"math"

	corev1 "k8s.io/api/core/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// BalancedName in configurations.
const BalancedName = "NodeResourcesBalancedAllocation"

// Balanced implements Score: the more the pod evens out the used shares of kinds of resources, the better.
type Balanced struct {
	// Resources that count; default CPU and memory.
	Resources []schedulerv1.ResourceSpec
}

var (
	_ fwk.PreScorePlugin = &Balanced{}
	_ fwk.ScorePlugin    = &Balanced{}
)

// Local implements profile.Local.
func (*Balanced) Local() {}

// Name implements fwk.Plugin.
func (*Balanced) Name() string { return BalancedName }

// PreScore implements fwk.PreScorePlugin: a pod that requests nothing changes no balance.
func (b *Balanced) PreScore(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	want := read(cycle, pod).Resource
	for _, resource := range b.resources() {
		switch name := corev1.ResourceName(resource.Name); {
		case name == corev1.ResourceCPU && want.GetMilliCPU() > 0, name == corev1.ResourceMemory && want.GetMemory() > 0,
			name == corev1.ResourceEphemeralStorage && want.GetEphemeralStorage() > 0, want.GetScalarResources()[name] > 0:
			return nil
		}
	}
	return fwk.NewStatus(fwk.Skip)
}

func (b *Balanced) resources() []schedulerv1.ResourceSpec {
	if len(b.Resources) == 0 {
		return cpuAndMemory()
	}
	return b.Resources
}

// unchanged is the score of a node that the pod leaves as balanced as it is.
const unchanged = fwk.MaxScore * 3 / 4

// Score implements fwk.ScorePlugin: by how much the pod narrows or widens the standard deviation of the shares. It is at most a
// half, so scores are from 50 to 100. Whole percents of what there was and of what there will be are compared.
func (b *Balanced) Score(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	kinds := shares(ctx, cycle, pod, node, b.Resources, false)
	before := balance(kinds, func(kind share) float64 { return min(float64(kind.used-kind.asked)/float64(kind.all), 1) })
	after := balance(kinds, func(kind share) float64 { return min(float64(kind.used)/float64(kind.all), 1) })
	return (2*unchanged + after - before) / 2, nil
}

// balance is the better, up to 100, the less shares differ.
func balance(kinds []share, of func(share) float64) int64 {
	return int64((1 - deviation(kinds, of)) * float64(fwk.MaxScore))
}

// deviation of what is said of each kind.
func deviation(kinds []share, of func(share) float64) float64 {
	switch len(kinds) {
	case 0, 1:
		return 0
	case 2: // half their distance
		return math.Abs(of(kinds[0])-of(kinds[1])) / 2
	}
	var sum, squares float64
	for _, kind := range kinds {
		sum += of(kind)
	}
	mean := sum / float64(len(kinds))
	for _, kind := range kinds {
		squares += (of(kind) - mean) * (of(kind) - mean)
	}
	return math.Sqrt(squares / float64(len(kinds)))
}

// ScoreExtensions implements fwk.ScorePlugin.
func (*Balanced) ScoreExtensions() fwk.ScoreExtensions { return nil }
