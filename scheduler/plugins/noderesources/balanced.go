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

// Balanced implements Score: the smaller the spread between the used shares of kinds of resources, the better.
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

// Score implements fwk.ScorePlugin: the less, the larger the standard deviation of the shares.
func (b *Balanced) Score(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	kinds := shares(cycle, pod, node, b.Resources, false)
	if len(kinds) < 2 {
		return fwk.MaxScore, nil
	}
	fraction := func(kind share) float64 { return min(float64(kind.used)/float64(kind.all), 1) }
	if len(kinds) == 2 { // half their distance
		return int64((1 - math.Abs(fraction(kinds[0])-fraction(kinds[1]))/2) * float64(fwk.MaxScore)), nil
	}
	var sum, squares float64
	for _, kind := range kinds {
		sum += fraction(kind)
	}
	mean := sum / float64(len(kinds))
	for _, kind := range kinds {
		squares += (fraction(kind) - mean) * (fraction(kind) - mean)
	}
	return int64((1 - math.Sqrt(squares/float64(len(kinds)))) * float64(fwk.MaxScore)), nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (*Balanced) ScoreExtensions() fwk.ScoreExtensions { return nil }
