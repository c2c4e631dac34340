package noderestriction

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// A kubelet registers the node that it is, under no name that the server is to make up and with no owner to take it away.
func TestNodesRegisterThemselves(t *testing.T) {
	owned := []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "y"}}
	for name, test := range map[string]struct {
		requested string
		node      metav1.ObjectMeta
		refused   bool
	}{
		"itself":                       {"", metav1.ObjectMeta{Name: "n"}, false},
		"itself by an update":          {"n", metav1.ObjectMeta{Name: "n"}, false},
		"itself with an owner":         {"", metav1.ObjectMeta{Name: "n", OwnerReferences: owned}, true},
		"another":                      {"", metav1.ObjectMeta{Name: "m"}, true},
		"a name that is to be made up": {"", metav1.ObjectMeta{GenerateName: "n"}, true},
		"a name that was made up":      {"n1x2y3", metav1.ObjectMeta{Name: "n1x2y3", GenerateName: "n"}, true},
	} {
		err := (&Plugin{}).Validate(t.Context(), &admission.Attributes{
			User: &user.DefaultInfo{Name: "system:node:n", Groups: []string{user.NodesGroup}}, Operation: admission.Create, Name: test.requested,
			Resource: &resource.Resource{Name: "nodes"}, Object: &corev1.Node{ObjectMeta: test.node},
		})
		if apierrors.IsForbidden(err) != test.refused || err != nil && !test.refused {
			t.Errorf("%s: %v, want refused: %v", name, err, test.refused)
		}
	}
}
