package priority

import (
	"testing"

	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// The cluster's own pods name the two system classes: nobody deletes them.
func TestSystemClassesStay(t *testing.T) {
	p := &Plugin{}
	for name, stays := range map[string]bool{"system-node-critical": true, "system-cluster-critical": true, "mine": false} {
		err := p.Validate(t.Context(), &admission.Attributes{
			Operation: admission.Delete, Name: name, Resource: &resource.Resource{Group: schedulingv1.GroupName, Name: "priorityclasses"},
		})
		if apierrors.IsForbidden(err) != stays {
			t.Errorf("deleting %s: %v", name, err)
		}
	}
}
