package noderestriction

import (
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// TestNameServersWriteTheirOwnSlices: the name server of a node leads nobody's Service elsewhere.
func TestNameServersWriteTheirOwnSlices(t *testing.T) {
	slice := func(service, manager string) runtime.Object {
		return &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "s", Labels: map[string]string{
			discoveryv1.LabelServiceName: service, discoveryv1.LabelManagedBy: manager,
		}}}
	}
	own, other := slice("kube-dns", "dns.coxswain"), slice("metrics-server", "endpointslice-controller.k8s.io")
	for name, test := range map[string]struct {
		user        string
		operation   admission.Operation
		object, old runtime.Object
		refused     bool
	}{
		"creates its own":         {"coxswain:dns", admission.Create, own, nil, false},
		"updates its own":         {"coxswain:dns", admission.Update, own, own, false},
		"creates another's":       {"coxswain:dns", admission.Create, other, nil, true},
		"with its label":          {"coxswain:dns", admission.Create, slice("metrics-server", "dns.coxswain"), nil, true},
		"takes another's over":    {"coxswain:dns", admission.Update, own, other, true},
		"gives its own away":      {"coxswain:dns", admission.Update, other, own, true},
		"deletes another's":       {"coxswain:dns", admission.Delete, nil, other, true},
		"somebody else may":       {"admin", admission.Update, other, own, false},
		"a controller's, its own": {"system:serviceaccount:kube-system:endpointslice-controller", admission.Create, other, nil, false},
	} {
		a := &admission.Attributes{
			User: &user.DefaultInfo{Name: test.user}, Operation: test.operation, Object: test.object, Old: test.old, Namespace: "kube-system", Name: "s",
			Resource: &resource.Resource{Group: "discovery.k8s.io", Name: "endpointslices"},
		}
		if err := (&Plugin{}).Validate(t.Context(), a); apierrors.IsForbidden(err) != test.refused || err != nil && !test.refused {
			t.Errorf("%s: %v, want refused: %v", name, err, test.refused)
		}
	}
}
