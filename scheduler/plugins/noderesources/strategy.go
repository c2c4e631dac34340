package noderesources

import (
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Strategy is how much a node is preferred for what is used of its resources (NodeResourcesFitArgs.scoringStrategy).
type Strategy struct {
	// Type is LeastAllocated, MostAllocated or RequestedToCapacityRatio; default the first.
	Type schedulerv1.ScoringStrategyType
	// Resources count by their weights; default CPU and memory, alike.
	Resources []schedulerv1.ResourceSpec
	// Shape of RequestedToCapacityRatio: scores, 0 to 10, by utilization in percent, ascending; linear between them.
	Shape []schedulerv1.UtilizationShapePoint
}

// score of one kind of resource, of which something is there.
func (s *Strategy) score(kind share) int64 {
	switch s.Type {
	case schedulerv1.MostAllocated:
		return min(kind.used, kind.all) * fwk.MaxScore / kind.all
	case schedulerv1.RequestedToCapacityRatio:
		return s.shaped(min(kind.used, kind.all) * 100 / kind.all)
	}
	return max(kind.all-kind.used, 0) * fwk.MaxScore / kind.all
}

// maxShape is the best score of a shape.
const maxShape = 10

func (s *Strategy) shaped(utilization int64) int64 {
	scaled := func(i int) int64 { return int64(s.Shape[i].Score) * (fwk.MaxScore / maxShape) }
	for i, at := range s.Shape {
		if utilization > int64(at.Utilization) {
			continue
		}
		if i == 0 {
			return scaled(0)
		}
		before := int64(s.Shape[i-1].Utilization)
		return scaled(i-1) + (scaled(i)-scaled(i-1))*(utilization-before)/(int64(at.Utilization)-before)
	}
	return scaled(len(s.Shape) - 1)
}

// cpuAndMemory is what counts unless something else is said.
func cpuAndMemory() []schedulerv1.ResourceSpec {
	return []schedulerv1.ResourceSpec{{Name: "cpu", Weight: 1}, {Name: "memory", Weight: 1}}
}
