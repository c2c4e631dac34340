package deviceadmin

import (
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

const only = ".adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace"

// check compares what the plugin says of a write with the refusal, "" for none.
func check(t *testing.T, why string, a *admission.Attributes, refused string) {
	t.Helper()
	err := (&Plugin{Lister: view{}}).Validate(t.Context(), a)
	if (err != nil) != (refused != "") || err != nil && !strings.HasSuffix(err.Error(), " is invalid: "+refused) {
		t.Errorf("%s: %v, want %q", why, err, refused)
	}
}

func TestAdminAccessIsForMarkedNamespaces(t *testing.T) {
	spec := func(admin ...bool) resourcev1.ResourceClaimSpec {
		var requests []resourcev1.DeviceRequest
		for _, access := range admin {
			requests = append(requests, resourcev1.DeviceRequest{Name: "r", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "c", AdminAccess: ptr.To(access)}})
		}
		return resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: requests}}
	}
	for _, c := range []struct {
		why, namespace string
		object         runtime.Object
		refused        string
	}{
		{"a claim", "users", &resourcev1.ResourceClaim{Spec: spec(true)}, "spec.devices.requests[0]" + only},
		{"a claim of which some requests ask", "users", &resourcev1.ResourceClaim{Spec: spec(false, true, true)}, "spec.devices.requests[1]" + only},
		{"a template", "users", &resourcev1.ResourceClaimTemplate{Spec: resourcev1.ResourceClaimTemplateSpec{Spec: spec(true)}}, "spec.devices.requests[0]" + only},
		{"a claim of administrators", "admins", &resourcev1.ResourceClaim{Spec: spec(true)}, ""},
		{"a claim like any other", "users", &resourcev1.ResourceClaim{Spec: spec(false)}, ""},
		{"something else", "users", &corev1.Pod{}, ""},
	} {
		check(t, c.why, &admission.Attributes{Operation: admission.Create, Namespace: c.namespace, Object: c.object}, c.refused)
	}
}

// Whoever may write the status of a claim could allocate with more access than its namespace is marked for.
func TestAdminAccessIsNotAllocatedElsewhere(t *testing.T) {
	claim := func(admin ...bool) *resourcev1.ResourceClaim {
		allocation := &resourcev1.AllocationResult{}
		for _, access := range admin {
			allocation.Devices.Results = append(allocation.Devices.Results, resourcev1.DeviceRequestAllocationResult{Request: "r", AdminAccess: ptr.To(access)})
		}
		return &resourcev1.ResourceClaim{Status: resourcev1.ResourceClaimStatus{Allocation: allocation}}
	}
	none := &resourcev1.ResourceClaim{}
	for _, c := range []struct {
		why, namespace string
		object, old    *resourcev1.ResourceClaim
		refused        string
	}{
		{"an allocation", "users", claim(false, true, true), none, "status.allocation.devices.results[1]" + only},
		{"an allocation for administrators", "admins", claim(true), none, ""},
		{"an allocation like any other", "users", claim(false), none, ""},
		{"an allocation of before", "users", claim(true), claim(true), ""},
		{"its end", "users", none, claim(true), ""},
	} {
		check(t, c.why, &admission.Attributes{Operation: admission.Update, Subresource: "status", Namespace: c.namespace, Object: c.object, Old: c.old}, c.refused)
	}
}
