package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/coxswain-k8s/coxswain/network/packetfilter"
)

// Input is all that isolation depends on.
type Input struct {
	// Node is the one whose pods are isolated.
	Node       string
	Policies   []*networkingv1.NetworkPolicy
	Namespaces map[string]labels.Set
	Pods       []*corev1.Pod
	// NameServers are the cluster's.
	NameServers []packetfilter.PodPort
}

// compute says which of the node's pods are isolated, and what is let through to and from them.
func compute(in Input) *packetfilter.Isolation {
	c := &computation{Input: in, out: &packetfilter.Isolation{
		Ingress: map[netip.Addr]string{}, Egress: map[netip.Addr]string{}, Lists: map[string][]packetfilter.Rule{},
		Groups: map[string][]netip.Addr{}, Ports: map[string][]packetfilter.PodPort{},
	}}
	slices.SortFunc(c.Policies, func(a, b *networkingv1.NetworkPolicy) int {
		return compareNames(types.NamespacedName{Namespace: a.Namespace, Name: a.Name}, types.NamespacedName{Namespace: b.Namespace, Name: b.Name})
	})
	for _, pod := range in.Pods {
		if pod.Spec.NodeName == in.Node && onNetwork(pod) {
			c.isolate(pod)
		}
	}
	if len(c.out.NameClients) > 0 {
		c.out.NameServers = in.NameServers
	}
	return c.out
}

func compareNames(a, b types.NamespacedName) int {
	switch {
	case a == b:
		return 0
	case a.String() < b.String():
		return -1
	default:
		return 1
	}
}

// onNetwork tells whether a pod has an address of its own.
func onNetwork(pod *corev1.Pod) bool {
	return !pod.Spec.HostNetwork && len(pod.Status.PodIPs) > 0 && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

func addresses(pod *corev1.Pod) []netip.Addr {
	var out []netip.Addr
	for _, ip := range pod.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil {
			out = append(out, a.Unmap())
		}
	}
	return out
}

type computation struct {
	Input
	out *packetfilter.Isolation
}

// isolate finds the policies that select a pod; what they allow adds up.
func (c *computation) isolate(pod *corev1.Pod) {
	var ingress, egress []packetfilter.Rule
	var hasIngress, hasEgress bool
	names := map[corev1.Protocol]bool{}
	for _, p := range c.Policies {
		if p.Namespace != pod.Namespace || !selects(&p.Spec.PodSelector, pod.Labels) {
			continue
		}
		if applies(p, networkingv1.PolicyTypeIngress) {
			hasIngress = true
			for i := range p.Spec.Ingress {
				ingress = append(ingress, c.ingress(p.Namespace, &p.Spec.Ingress[i], pod)...)
			}
		}
		if applies(p, networkingv1.PolicyTypeEgress) {
			hasEgress = true
			for i := range p.Spec.Egress {
				egress = append(egress, c.egress(p.Namespace, &p.Spec.Egress[i])...)
				c.nameServers(p.Namespace, &p.Spec.Egress[i], names)
			}
		}
	}
	for _, a := range addresses(pod) {
		if hasIngress {
			c.out.Ingress[a] = c.list(false, ingress)
		}
		if hasEgress {
			c.out.Egress[a] = c.list(true, egress)
			for _, protocol := range slices.Sorted(maps.Keys(names)) {
				c.out.NameClients = append(c.out.NameClients, packetfilter.NameClient{Address: a, Protocol: protocol})
			}
		}
	}
}

// applies tells whether a policy isolates in a direction. The API fills the types in; without them a policy is one of ingress.
func applies(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	if len(p.Spec.PolicyTypes) == 0 {
		return direction == networkingv1.PolicyTypeIngress || len(p.Spec.Egress) > 0
	}
	return slices.Contains(p.Spec.PolicyTypes, direction)
}

// list registers rules under the name of their contents.
func (c *computation) list(egress bool, rules []packetfilter.Rule) string {
	name := packetfilter.ListName(egress, rules)
	c.out.Lists[name] = rules
	return name
}

// ingress multiplies peers by ports. A port's name is that of the pod that is called.
func (c *computation) ingress(namespace string, r *networkingv1.NetworkPolicyIngressRule, pod *corev1.Pod) []packetfilter.Rule {
	var out []packetfilter.Rule
	for _, peer := range c.peers(namespace, r.From) {
		for _, port := range portsOrAny(r.Ports) {
			for _, numbers := range resolve(port, pod) {
				numbers.Group, numbers.Block, numbers.Except = peer.Group, peer.Block, peer.Except
				out = append(out, numbers)
			}
		}
	}
	return out
}

// egress multiplies peers by ports. A port's name is looked up in each of the peers.
func (c *computation) egress(namespace string, r *networkingv1.NetworkPolicyEgressRule) []packetfilter.Rule {
	var out []packetfilter.Rule
	for i, peer := range c.peers(namespace, r.To) {
		for _, port := range portsOrAny(r.Ports) {
			if port.Port != nil && port.Port.Type == intstr.String {
				pods := c.Pods
				if len(r.To) > 0 {
					pods = c.selected(namespace, &r.To[i])
				}
				if name := c.namedPorts(pods, port); name != "" {
					out = append(out, packetfilter.Rule{Ports: name})
				}
				continue
			}
			for _, numbers := range resolve(port, nil) {
				numbers.Group, numbers.Block, numbers.Except = peer.Group, peer.Block, peer.Except
				out = append(out, numbers)
			}
		}
	}
	return out
}

// nameServers notes by which protocols a rule lets pods ask the cluster's name servers.
func (c *computation) nameServers(namespace string, r *networkingv1.NetworkPolicyEgressRule, protocols map[corev1.Protocol]bool) {
	if len(r.To) > 0 && !slices.ContainsFunc(r.To, func(p networkingv1.NetworkPolicyPeer) bool { return c.selectsNameServers(namespace, &p) }) {
		return
	}
	const port = 53
	for _, p := range portsOrAny(r.Ports) {
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			name := map[corev1.Protocol]string{corev1.ProtocolUDP: "dns", corev1.ProtocolTCP: "dns-tcp"}[protocol]
			if p.Protocol != nil && *p.Protocol != protocol {
				continue
			}
			switch {
			case p.Port == nil,
				p.Port.Type == intstr.String && p.Port.StrVal == name,
				p.Port.Type == intstr.Int && p.Port.IntVal <= port && port <= max(p.Port.IntVal, end(p)):
				protocols[protocol] = true
			}
		}
	}
}

func end(p networkingv1.NetworkPolicyPort) int32 {
	if p.EndPort == nil {
		return 0
	}
	return *p.EndPort
}

// selectsNameServers tells whether a peer means the pods that the nodes' name servers stand for.
func (c *computation) selectsNameServers(namespace string, p *networkingv1.NetworkPolicyPeer) bool {
	if p.IPBlock != nil {
		return false
	}
	const home = metav1.NamespaceSystem
	if p.NamespaceSelector == nil && namespace != home {
		return false
	}
	if p.NamespaceSelector != nil && !selects(p.NamespaceSelector, c.Namespaces[home]) {
		return false
	}
	return p.PodSelector == nil || selects(p.PodSelector, labels.Set{"k8s-app": "kube-dns"})
}

// portsOrAny: no ports means all of them.
func portsOrAny(all []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort {
	if len(all) == 0 {
		return []networkingv1.NetworkPolicyPort{{}}
	}
	return all
}

// resolve makes rules of a port: none when its name is not one of the pod's.
func resolve(p networkingv1.NetworkPolicyPort, pod *corev1.Pod) []packetfilter.Rule {
	if p.Protocol == nil && p.Port == nil {
		return []packetfilter.Rule{{}}
	}
	r := packetfilter.Rule{Protocol: corev1.ProtocolTCP}
	if p.Protocol != nil {
		r.Protocol = *p.Protocol
	}
	if p.Port == nil {
		return []packetfilter.Rule{r}
	}
	if p.Port.Type == intstr.Int {
		r.Port, r.EndPort = uint16(p.Port.IntVal), uint16(end(p)) //nolint:gosec // ports are validated
		return []packetfilter.Rule{r}
	}
	var out []packetfilter.Rule
	for _, number := range portsNamed(pod, p.Port.StrVal, r.Protocol) {
		r.Port = number
		out = append(out, r)
	}
	return out
}

// portsNamed are the pod's ports of a name.
func portsNamed(pod *corev1.Pod, name string, protocol corev1.Protocol) []uint16 {
	if pod == nil {
		return nil
	}
	var out []uint16
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			for _, p := range containers[i].Ports {
				if p.Name == name && (p.Protocol == protocol || p.Protocol == "" && protocol == corev1.ProtocolTCP) {
					out = append(out, uint16(p.ContainerPort)) //nolint:gosec // ports are validated
				}
			}
		}
	}
	return out
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// namedPorts registers where pods serve a port of a name.
func (c *computation) namedPorts(pods []*corev1.Pod, p networkingv1.NetworkPolicyPort) string {
	protocol := corev1.ProtocolTCP
	if p.Protocol != nil {
		protocol = *p.Protocol
	}
	var all []packetfilter.PodPort
	for _, pod := range pods {
		if !onNetwork(pod) {
			continue
		}
		for _, number := range portsNamed(pod, p.Port.StrVal, protocol) {
			for _, a := range addresses(pod) {
				all = append(all, packetfilter.PodPort{Address: a, Protocol: protocol, Port: number})
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.SortFunc(all, func(a, b packetfilter.PodPort) int {
		return a.Address.Compare(b.Address)*65536 + int(a.Port) - int(b.Port)
	})
	all = slices.Compact(all)
	name := hash(fmt.Sprint(all))
	c.out.Ports[name] = all
	return name
}
