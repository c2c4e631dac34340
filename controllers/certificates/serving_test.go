package certificates

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// TestNodesServeAsNobodyElse: a node gets no certificate for a name or an address of the API server or of another node, whatever
// it says of itself.
func TestNodesServeAsNobodyElse(t *testing.T) {
	node := func(name string, addresses ...string) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		for _, address := range addresses {
			kind := corev1.NodeInternalIP
			if net.ParseIP(address) == nil {
				kind = corev1.NodeHostName
			}
			n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: kind, Address: address})
		}
		return n
	}
	api := metav1.ObjectMeta{Namespace: "default", Name: "kubernetes"}
	all := []string{"192.0.2.9", "2001:db8::9", "kubernetes", "node-b", "127.0.0.1", "::1", "0.0.0.0", "10.96.0.1", "10.96.3.4", "10.97.0.1", "192.0.2.1", "192.0.2.10"}
	objects := []client.Object{
		&networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.96.0.0/16"}}},
		&corev1.Service{ObjectMeta: api, Spec: corev1.ServiceSpec{ClusterIPs: []string{"10.97.0.1"}}},
		&discoveryv1.EndpointSlice{ObjectMeta: api, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}}},
		node("node-a", append(all, "node-a")...), node("node-b", "192.0.2.10", "node-b"),
	}
	reserved := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"}
	objects = append(objects, node("192.0.2.12", "192.0.2.12"))
	for _, name := range reserved {
		objects = append(objects, node(name, name))
	}
	c := &Controller{Client: fake.NewClientBuilder().WithObjects(objects...).Build()}
	check := func(name string, dns, ips []string, want bool) {
		t.Helper()
		request := &x509.CertificateRequest{DNSNames: dns}
		for _, ip := range ips {
			request.IPAddresses = append(request.IPAddresses, net.ParseIP(ip))
		}
		if got, err := c.servesItself(t.Context(), name, request); got != want || err != nil {
			t.Errorf("%s as %v and %v: %v, %v, want %v", name, dns, ips, got, err, want)
		}
	}
	check("node-a", []string{"node-a"}, []string{"192.0.2.9", "2001:db8::9"}, true)
	check("node-a", []string{"node-a"}, nil, true)
	check("node-a", nil, []string{"192.0.2.9"}, true)
	check("node-a", nil, []string{"192.0.2.77"}, false) // not its own
	check("nobody", nil, []string{"192.0.2.9"}, false)
	for _, name := range append(reserved, "node-b", "*.node-a") {
		check("node-a", []string{"node-a", name}, nil, false)
	}
	for _, address := range all[4:] {
		check("node-a", []string{"node-a"}, []string{"192.0.2.9", address}, false)
	}
	// The node on the machine of the server serves at the server's address, but at none of a Service.
	c.ServerNode = "node-a"
	check("node-a", []string{"node-a"}, []string{"192.0.2.1"}, true)
	check("node-a", []string{"node-a"}, []string{"10.97.0.1"}, false)
	c.ServerNode = ""
	check("192.0.2.12", []string{"192.0.2.12"}, nil, false) // an address is none of its names
	check("192.0.2.12", nil, []string{"192.0.2.12"}, true)
	for _, name := range reserved {
		check(name, []string{name}, nil, false)
	}
}

// Where it is kube-controller-manager, somebody else approves what kubelets serve with, as upstream says.
func TestServingIsApprovedByOthers(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "boat"}, Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "boat"}}}}
	c := &Controller{Client: fake.NewClientBuilder().WithObjects(node).Build()}
	csr := &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{
		SignerName: certificatesv1.KubeletServingSignerName, Username: nodePrefix + "boat", Groups: []string{nodeGroup},
		Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth},
	}}
	request := &x509.CertificateRequest{Subject: pkix.Name{CommonName: nodePrefix + "boat", Organization: []string{nodeGroup}}, DNSNames: []string{"boat"}}
	for _, c.ApprovesNoServing = range []bool{false, true} {
		message, err := c.approval(t.Context(), csr, request)
		if approves := message != ""; err != nil || approves == c.ApprovesNoServing {
			t.Errorf("leaving it to others %v: %q, %v", c.ApprovesNoServing, message, err)
		}
	}
}
