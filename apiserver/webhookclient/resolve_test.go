package webhookclient

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

func service(name string, spec corev1.ServiceSpec) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: spec}
}

func TestResolve(t *testing.T) {
	ports := []corev1.ServicePort{{Name: "https", Port: 443}}
	l := authtest.New().Add("services",
		service("ready", corev1.ServiceSpec{ClusterIP: "10.0.0.1", Ports: ports}),
		service("empty", corev1.ServiceSpec{ClusterIP: "10.0.0.2", Ports: ports}),
		service("elsewhere", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"}),
	).Add("endpointslices.discovery.k8s.io", &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "ready-1", Labels: map[string]string{discoveryv1.LabelServiceName: "ready"}},
		Ports:      []discoveryv1.EndpointPort{{Name: ptr.To("other"), Port: ptr.To[int32](1)}, {Name: ptr.To("https"), Port: ptr.To[int32](8443)}},
		Endpoints: []discoveryv1.Endpoint{
			{Addresses: []string{"10.1.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(false)}},
			{Addresses: []string{"10.1.0.2"}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}},
		},
	})
	for _, test := range []struct {
		namespace, name string
		port            int32
		clusterIP       bool
		want, err       string
	}{
		{"ns", "ready", 443, false, "10.1.0.2:8443", ""},
		{"ns", "ready", 443, true, "10.0.0.1:443", ""},
		{"ns", "ready", 444, false, "", `no service port 444 found for service "ready"`},
		{"ns", "empty", 443, false, "", `no endpoints available for service "empty"`},
		{"ns", "elsewhere", 9443, false, "example.com:9443", ""},
		{"ns", "missing", 443, false, "", `service "missing" not found`},
		{"default", "kubernetes", 443, false, "127.0.0.1:6443", ""},
	} {
		resolver := &Services{Lister: l, ClusterIP: test.clusterIP, Local: func() string { return "127.0.0.1:6443" }}
		got, err := resolver.Resolve(test.namespace, test.name, test.port)
		if text := ""; err != nil {
			if text = err.Error(); text != test.err {
				t.Errorf("%s: %s, want %s", test.name, text, test.err)
			}
		} else if got != test.want || test.err != "" {
			t.Errorf("%s: %s, want %s%s", test.name, got, test.want, test.err)
		}
	}
}
