package noderesources

import (
	"context"
	"math"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// BalancedName in configurations.
const BalancedName = "NodeResourcesBalancedAllocation"

// Balanced implements Score: the smaller the spread between the used shares of CPU and memory, the better.
type Balanced struct{}

var (
	_ fwk.PreScorePlugin = &Balanced{}
	_ fwk.ScorePlugin    = &Balanced{}
)

// Local implements profile.Local.
func (*Balanced) Local() {}

// Name implements fwk.Plugin.
func (*Balanced) Name() string { return BalancedName }

// PreScore implements fwk.PreScorePlugin: a pod that requests nothing changes no balance.
func (*Balanced) PreScore(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	want := read(cycle, pod).Resource
	if want.GetMilliCPU() == 0 && want.GetMemory() == 0 {
		return fwk.NewStatus(fwk.Skip)
	}
	return nil
}

// Score implements fwk.ScorePlugin. With two kinds the standard deviation of the shares is half their distance.
func (*Balanced) Score(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	kinds := shares(cycle, pod, node, false)
	if len(kinds) < 2 {
		return fwk.MaxScore, nil
	}
	var fractions [2]float64
	for i := range fractions {
		fractions[i] = min(float64(kinds[i].used)/float64(kinds[i].all), 1)
	}
	return int64((1 - math.Abs(fractions[0]-fractions[1])/2) * float64(fwk.MaxScore)), nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (*Balanced) ScoreExtensions() fwk.ScoreExtensions { return nil }
