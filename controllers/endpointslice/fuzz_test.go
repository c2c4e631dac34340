package endpointslice

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		svc := &corev1.Service{}
		fill.Fill(svc)
		pods := fuzzing.List[corev1.Pod](fill, 6)
		groups := compute(svc, pods, func(string) string { return "" })
		plan := Pack(fuzzing.List[discoveryv1.EndpointSlice](fill, 3), groups, 2, func(slice *discoveryv1.EndpointSlice) { finish(slice, svc, pods) })
		for _, slice := range append(plan.Create, plan.Update...) {
			if len(slice.Endpoints) > 2 {
				t.Errorf("slice has %d endpoints, above the limit", len(slice.Endpoints))
			}
		}
	})
}
