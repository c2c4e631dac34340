package endpointslicemirroring

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		endpoints, slice := &corev1.Endpoints{}, &discoveryv1.EndpointSlice{}
		fill.Fill(endpoints)
		fill.Fill(slice)
		groupsOf(endpoints, maxEndpoints)
		finish(slice, endpoints)
	})
}
