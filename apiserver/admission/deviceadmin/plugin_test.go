package deviceadmin

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// view has the two namespaces of the test.
type view struct{ admission.Lister }

func (view) Get(_ schema.GroupResource, _, name string) (resource.Object, bool) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if name == "admins" {
		namespace.Labels = map[string]string{resourcev1.DRAAdminNamespaceLabelKey: "true"}
	}
	return namespace, true
}

func TestAdminAccessIsForMarkedNamespaces(t *testing.T) {
	spec := func(admin bool) resourcev1.ResourceClaimSpec {
		return resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{
			{Name: "r", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "c", AdminAccess: ptr.To(admin)}},
		}}}
	}
	for _, c := range []struct {
		why, namespace string
		object         runtime.Object
		refused        string
	}{
		{"a claim", "users", &resourcev1.ResourceClaim{Spec: spec(true)}, "spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace"},
		{"a template", "users", &resourcev1.ResourceClaimTemplate{Spec: resourcev1.ResourceClaimTemplateSpec{Spec: spec(true)}}, "spec.spec.devices.requests[0].adminAccess: Forbidden"},
		{"a claim of administrators", "admins", &resourcev1.ResourceClaim{Spec: spec(true)}, ""},
		{"a claim like any other", "users", &resourcev1.ResourceClaim{Spec: spec(false)}, ""},
		{"something else", "users", &corev1.Pod{}, ""},
	} {
		err := (&Plugin{Lister: view{}}).Validate(context.Background(), &admission.Attributes{Operation: admission.Create, Namespace: c.namespace, Object: c.object})
		switch {
		case (err != nil) != (c.refused != ""):
			t.Errorf("%s: %v", c.why, err)
		case err != nil && !strings.Contains(err.Error(), c.refused):
			t.Errorf("%s: %v, want %s", c.why, err, c.refused)
		}
	}
}
