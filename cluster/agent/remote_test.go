package agent

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// TestServersComeFromTheirOwnSlice: what anybody else may store in default neither stops an agent nor sends it elsewhere.
func TestServersComeFromTheirOwnSlice(t *testing.T) {
	slice := func(name string, port *int32, addresses ...string) *discoveryv1.EndpointSlice {
		return &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
			Ports:      []discoveryv1.EndpointPort{{Port: port}}, Endpoints: []discoveryv1.Endpoint{{Addresses: addresses}},
		}
	}
	elsewhere := slice("kubernetes", ptr.To[int32](6443), "192.0.2.1")
	elsewhere.Namespace = "other"
	for name, test := range map[string]struct {
		slice *discoveryv1.EndpointSlice
		want  []string
	}{
		"the servers' own":     {slice("kubernetes", ptr.To[int32](6443), "192.0.2.1", "2001:db8::1"), []string{"192.0.2.1:6443", "[2001:db8::1]:6443"}},
		"without a port":       {slice("kubernetes", nil, "192.0.2.1"), nil},
		"without ports at all": {&discoveryv1.EndpointSlice{ObjectMeta: slice("kubernetes", nil).ObjectMeta}, nil},
		"of another name":      {slice("kubernetes-x7z2p", ptr.To[int32](6443), "192.0.2.66"), nil},
		"in another namespace": {elsewhere, nil},
		"without endpoints":    {slice("kubernetes", ptr.To[int32](6443)), nil},
	} {
		if got := serversIn(test.slice); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// TestServingSubjectIsWhatIsApproved: a name that somebody else has given the Node must not keep it from its certificate.
func TestServingSubjectIsWhatIsApproved(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}
	for _, address := range []string{"192.0.2.9", "worker", "worker.example.com"} {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Address: address})
	}
	got := servingSubject(node)
	if !slices.Equal(got.Names, []string{"worker"}) || len(got.Addresses) != 1 {
		t.Errorf("got %v and %v", got.Names, got.Addresses)
	}
}
