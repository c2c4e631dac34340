package policy

import (
	"bufio"
	"fmt"
	"net"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/network/dns"
)

// policy sets one of the namespace shop from what stands in YAML below spec.
func (w *world) policy(name, spec string) *networkingv1.NetworkPolicy {
	w.t.Helper()
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	decode(w.t, []byte(spec), &p.Spec)
	w.store.set(p)
	return p
}

func TestIngress(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.pods["a"], w.pods["b"], w.pods["c"]
	w.reaches(c, podIP("a", 8080), podIP6("a", 8080))
	if w.store.watchers(&corev1.Pod{}) != 0 {
		t.Error("pods are watched without a policy")
	}

	deny := w.policy("deny", `{podSelector: {matchLabels: {name: a}}, policyTypes: [Ingress]}`)
	w.blocked(b, podIP("a", 8080), podIP6("a", 8080))
	w.blocked(w.outside, podIP("a", 8080))
	w.reaches(b, podIP("c", 8080))
	w.reaches(a, podIP("b", 8080), podIP6("c", 8080), outsideIP+":8080", nodeIP+":8080") // what it begins itself is answered
	w.reaches(w.node, podIP("a", 8080), podIP6("a", 8080))                               // probes

	w.policy("b", `{podSelector: {matchLabels: {name: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {name: b}}}], ports: [{port: http}]}]}`)
	w.reaches(b, podIP("a", 8080), podIP6("a", 8080))
	w.blocked(b, podIP("a", 9090))
	w.blocked(c, podIP("a", 8080))

	w.policy("b", `{podSelector: {matchLabels: {name: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {name: tools}}}, {ipBlock: {cidr: 192.168.0.0/16, except: [192.168.60.0/24]}}]}]}`)
	w.reaches(c, podIP("a", 8080), podIP6("a", 9090))
	w.reaches(w.outside, podIP("a", 8080))
	w.blocked(b, podIP("a", 8080))

	w.policy("b", `{podSelector: {matchLabels: {name: a}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/16, except: [192.168.50.0/24]}}], ports: [{port: 8000, endPort: 8100}]}, {ports: [{port: 9000, endPort: 9100}]}]}`)
	w.blocked(w.outside, podIP("a", 8080))
	w.reaches(w.outside, podIP("a", 9090))

	w.store.remove(&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "b"}})
	w.blocked(w.outside, podIP("a", 9090))
	w.store.remove(deny)
	w.reaches(w.outside, podIP("a", 9090))
	w.reaches(c, podIP("a", 8080), podIP6("a", 8080))
}

func TestEgress(t *testing.T) {
	w := newWorld(t)
	a := w.pods["a"]
	w.store.set(&discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: dns.ServiceNamespace, Name: "kube-dns-here", Labels: map[string]string{discoveryv1.LabelManagedBy: "dns.coxswain"}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{nodeIP}}},
		Ports: []discoveryv1.EndpointPort{{Port: ptr.To[int32](40053), Protocol: ptr.To(corev1.ProtocolUDP)}},
	})
	names := "udp://" + nodeIP + ":40053"
	w.reaches(a, names)

	deny := w.policy("deny", `{podSelector: {matchLabels: {name: a}}, policyTypes: [Egress]}`)
	w.blocked(a, podIP("b", 8080), podIP6("b", 8080), outsideIP+":8080", nodeIP+":8080", names)
	w.reaches(a, podIP("a", 8080))
	w.reaches(w.pods["b"], podIP("a", 8080), podIP6("a", 8080), nodeIP+":8080")
	w.reaches(w.node, podIP("a", 8080))

	w.policy("b", `{podSelector: {matchLabels: {name: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: http}]}, {ports: [{port: 53, protocol: UDP}]}]}`)
	w.reaches(a, podIP("b", 8080), podIP6("b", 8080), names)
	w.blocked(a, podIP("b", 9090), podIP("c", 8080), nodeIP+":8080")

	w.policy("b", `{podSelector: {matchLabels: {name: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 192.168.50.0/24, except: [192.168.50.2/32]}}, {ipBlock: {cidr: "fd42:3::/64"}}]}]}`)
	w.reaches(a, nodeIP+":8080", podIP6("c", 8080), names)
	w.blocked(a, outsideIP+":8080", podIP("c", 8080))

	// Both ends have a say.
	w.store.remove(deny)
	w.policy("b", `{podSelector: {matchLabels: {name: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {name: b}}}]}]}`)
	w.reaches(a, podIP("b", 8080))
	w.policy("c", `{podSelector: {matchLabels: {name: b}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {name: tools}}}]}]}`)
	w.blocked(a, podIP("b", 8080))
	w.reaches(w.pods["c"], podIP("b", 8080))
}

func TestPodsAndLabelsComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.policy("friends", `{podSelector: {matchLabels: {name: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {friend: "yes"}}}]}]}`)
	w.blocked(w.pods["c"], podIP("a", 8080))
	w.publish("c", "tools", 3, map[string]string{"friend": "yes"})
	w.reaches(w.pods["c"], podIP("a", 8080))

	// A connection that is open stays open.
	var open net.Conn
	w.pods["c"].Do(t, func() (err error) {
		open, err = net.Dial("tcp", podIP("a", 8080))
		return err
	})
	defer func() { _ = open.Close() }()
	w.publish("c", "tools", 3, nil)
	w.blocked(w.pods["c"], podIP("a", 8080))
	if _, err := fmt.Fprintln(open, "hello"); err != nil {
		t.Error(err)
	}
	if _, err := bufio.NewReader(open).ReadString('\n'); err != nil {
		t.Errorf("the open connection broke: %v", err)
	}
	w.addPod(4, "d", "shop")
	w.blocked(w.pods["d"], podIP("a", 8080))
	w.policy("friends", `{podSelector: {}, policyTypes: [Ingress]}`)
	w.blocked(w.pods["a"], podIP("d", 8080))
}
