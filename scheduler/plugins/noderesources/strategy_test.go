package noderesources

import (
	"testing"

	schedulerv1 "k8s.io/kube-scheduler/config/v1"
)

func TestStrategies(t *testing.T) {
	bins := []schedulerv1.UtilizationShapePoint{{Utilization: 0, Score: 0}, {Utilization: 50, Score: 10}, {Utilization: 100, Score: 4}}
	for _, c := range []struct {
		strategy  Strategy
		used, all int64
		want      int64
	}{
		{Strategy{}, 25, 100, 75},
		{Strategy{}, 200, 100, 0},
		{Strategy{Type: schedulerv1.MostAllocated}, 25, 100, 25},
		{Strategy{Type: schedulerv1.MostAllocated}, 200, 100, 100},
		{Strategy{Type: schedulerv1.RequestedToCapacityRatio, Shape: bins}, 0, 100, 0},
		{Strategy{Type: schedulerv1.RequestedToCapacityRatio, Shape: bins}, 25, 100, 50},
		{Strategy{Type: schedulerv1.RequestedToCapacityRatio, Shape: bins}, 75, 100, 70},
		{Strategy{Type: schedulerv1.RequestedToCapacityRatio, Shape: bins}, 300, 100, 40},
		{Strategy{Type: schedulerv1.RequestedToCapacityRatio, Shape: bins[1:2]}, 10, 100, 100},
	} {
		if got := c.strategy.score(share{used: c.used, all: c.all}); got != c.want {
			t.Errorf("%s, %d of %d: %d, want %d", c.strategy.Type, c.used, c.all, got, c.want)
		}
	}
}
