package noderestriction

import (
	"errors"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// nameServer is who announces the name servers of the nodes, on all of them; its slices are those of network/dns.
const (
	nameServer        = "coxswain:dns"
	nameServerService = "kube-dns"
	nameServerManager = "dns.coxswain"
)

var endpointSlices = schema.GroupResource{Group: discoveryv1.GroupName, Resource: "endpointslices"}

// nameServerSlice: what a name server writes leads to name servers, before and after. RBAC cannot tell slices of one namespace apart.
func nameServerSlice(a *admission.Attributes) error {
	if a.GroupResource() != endpointSlices {
		return nil
	}
	own := func(obj any) bool {
		slice, ok := obj.(*discoveryv1.EndpointSlice)
		return ok && slice.Namespace == metav1.NamespaceSystem &&
			slice.Labels[discoveryv1.LabelManagedBy] == nameServerManager && slice.Labels[discoveryv1.LabelServiceName] == nameServerService
	}
	refused := false
	switch a.Operation {
	case admission.Create:
		refused = !own(a.Object)
	case admission.Update:
		refused = !own(a.Object) || !own(a.Old)
	case admission.Delete:
		refused = a.Old != nil && !own(a.Old)
	}
	if refused {
		return admission.Forbidden(a, errors.New("can only write EndpointSlices that lead to the name servers of nodes"))
	}
	return nil
}
