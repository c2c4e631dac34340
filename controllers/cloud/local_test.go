package cloud

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func node(name string, addresses ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	n.Status.DaemonEndpoints.KubeletEndpoint.Port = 10250
	for _, a := range addresses {
		kind, address, _ := strings.Cut(a, "=")
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeAddressType(kind), Address: address})
	}
	return n
}

func balanced(name string, port int32, has ...string) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: port, Protocol: corev1.ProtocolTCP}}},
	}
	for _, ip := range has {
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: ip})
	}
	return s
}

func slice(service string, port int32, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: service, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		Ports:      []discoveryv1.EndpointPort{{Port: ptr.To(port)}}, Endpoints: endpoints,
	}
}

func TestAddresses(t *testing.T) {
	boat, raft := node("boat", "Hostname=boat", "InternalIP=10.0.0.1", "InternalIP=fd00::1"), node("raft", "InternalIP=10.0.0.2", "ExternalIP=198.51.100.2")
	ready := slice("web", 8080, discoveryv1.Endpoint{NodeName: ptr.To("raft")}, discoveryv1.Endpoint{NodeName: ptr.To("boat"), Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(false)}})
	servers := slice("kubernetes", 6443, discoveryv1.Endpoint{Addresses: []string{"10.0.0.1"}})
	families := func(s *corev1.Service, families ...corev1.IPFamily) *corev1.Service {
		s.Spec.IPFamilies = families
		return s
	}
	local := balanced("web", 80)
	local.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
	chosen := balanced("web", 80)
	chosen.Spec.LoadBalancerIP = "10.0.0.1"
	published := balanced("other", 80)
	published.Spec.Ports[0].NodePort = 30080
	for _, test := range []struct {
		reason  string
		service *corev1.Service
		others  []client.Object
		want    string
	}{
		{"those of all nodes", balanced("web", 80), nil, "10.0.0.1 198.51.100.2"},
		{"of IPv6", families(balanced("web", 80), corev1.IPv6Protocol), nil, "fd00::1"},
		{"of both families", families(balanced("web", 80), corev1.IPv6Protocol, corev1.IPv4Protocol), nil, "fd00::1 10.0.0.1 198.51.100.2"},
		{"where endpoints are", local, []client.Object{ready}, "198.51.100.2"},
		{"the one asked for", chosen, nil, "10.0.0.1"},
		{"not where another Service is", balanced("web", 80), []client.Object{balanced("other", 80, "10.0.0.1")}, "198.51.100.2"},
		{"beside another port of another Service", balanced("web", 80), []client.Object{balanced("other", 81, "10.0.0.1")}, "10.0.0.1 198.51.100.2"},
		{"never the API server's", balanced("web", 6443), []client.Object{servers}, "198.51.100.2"},
		{"never the API server's, whichever address it is known by", balanced("web", 6443), []client.Object{slice("kubernetes", 6443, discoveryv1.Endpoint{Addresses: []string{"10.0.0.2"}})}, "10.0.0.1"},
		{"never a port of all nodes of another Service", balanced("web", 30080), []client.Object{published}, "port 30080/TCP of node boat is taken by Service default/other; port 30080/TCP of node raft is taken by Service default/other"},
		{"never the kubelets'", balanced("web", 10250), nil, "port 10250/TCP of node boat is taken by the kubelet; port 10250/TCP of node raft is taken by the kubelet"},
		{"none is left", balanced("web", 80), []client.Object{balanced("other", 80, "10.0.0.1", "198.51.100.2")},
			"port 80/TCP of node boat is taken by Service default/other; port 80/TCP of node raft is taken by Service default/other"},
		{"its own", balanced("web", 80, "10.0.0.1"), []client.Object{balanced("web", 80, "10.0.0.1")}, "10.0.0.1 198.51.100.2"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			l := &Local{Reader: fake.NewClientBuilder().WithObjects(test.others...).Build()}
			status, err := l.EnsureLoadBalancer(t.Context(), "", test.service, []*corev1.Node{boat, raft})
			var got []string
			if err != nil {
				got = []string{err.Error()}
			} else {
				for _, i := range status.Ingress {
					got = append(got, i.IP)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// Two Services that ask before either's status can be read do not get the same address; what one gives up the other may have.
func TestOneAddressIsGivenOnce(t *testing.T) {
	first, second := balanced("first", 80), balanced("second", 80)
	first.UID, second.UID = "1", "2"
	l := &Local{Reader: fake.NewClientBuilder().WithObjects(first, second).Build()}
	given := func(service *corev1.Service) int {
		status, err := l.EnsureLoadBalancer(t.Context(), "", service, []*corev1.Node{node("boat", "InternalIP=10.0.0.1")})
		if err != nil {
			return 0
		}
		return len(status.Ingress)
	}
	if a, b := given(first), given(second); a != 1 || b != 0 {
		t.Errorf("the first is given %d addresses, the second %d", a, b)
	}
	if err := l.EnsureLoadBalancerDeleted(t.Context(), "", first); err != nil {
		t.Fatal(err)
	}
	if b := given(second); b != 1 {
		t.Errorf("the second is given %d addresses when the first has gone", b)
	}
}

func TestAnyObject(t *testing.T) {
	l := &Local{Reader: fake.NewClientBuilder().Build()}
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		s := &corev1.Service{}
		fill.Fill(s)
		_, _ = l.EnsureLoadBalancer(t.Context(), "", s, fuzzing.List[corev1.Node](fill, 3))
	})
}

// Nodes that wait for a cloud are let in as they are.
func TestKnowsNodesWhereAsked(t *testing.T) {
	if _, knows := (&Local{}).InstancesV2(); knows {
		t.Error("the kubelets know their machines")
	}
	all, knows := (&Local{KnowsNodes: true}).InstancesV2()
	if !knows {
		t.Fatal("it knows no nodes")
	}
	boat := node("boat", "InternalIP=10.0.0.1")
	known, err := all.InstanceMetadata(t.Context(), boat)
	exists, _ := all.InstanceExists(t.Context(), boat)
	down, _ := all.InstanceShutdown(t.Context(), boat)
	if err != nil || known.ProviderID != "local://boat" || len(known.NodeAddresses) != 1 || !exists || down {
		t.Errorf("%v %v %t %t", known, err, exists, down)
	}
}
