package rules

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// LabelServiceProxyName on a Service or slice leaves it to another proxy.
const LabelServiceProxyName = "service.kubernetes.io/service-proxy-name"

// annotationSourceRanges is the older spelling of spec.loadBalancerSourceRanges.
const annotationSourceRanges = "service.beta.kubernetes.io/load-balancer-source-ranges"

// Node is what a Service's rules need to know of the node that they are for.
type Node struct {
	Name string
	Zone string
}

// Compute says what svc asks for on node, given the EndpointSlices that belong to it. It is a pure function.
func Compute(svc *corev1.Service, endpointSlices []*discoveryv1.EndpointSlice, node Node) ServiceRules {
	out := ServiceRules{Frontends: map[Frontend]Target{}, Pools: map[string]Pool{}}
	if skipped(svc) {
		return out
	}
	addresses := clusterIPs(svc)
	out.ClusterIPs = addresses
	for _, address := range addresses {
		for i := range svc.Spec.Ports {
			p := portRules{svc: svc, port: &svc.Spec.Ports[i], clusterIP: address, node: node, out: &out}
			p.compute(endpointSlices)
		}
	}
	if wantsHealthCheck(svc) {
		out.HealthCheck = &HealthCheck{
			Port:           uint16(svc.Spec.HealthCheckNodePort),
			LocalEndpoints: countLocal(endpointSlices, node.Name),
		}
	}
	return out
}

func skipped(svc *corev1.Service) bool {
	if _, other := svc.Labels[LabelServiceProxyName]; other {
		return true
	}
	return svc.Spec.Type == corev1.ServiceTypeExternalName || svc.Spec.ClusterIP == "" || svc.Spec.ClusterIP == corev1.ClusterIPNone
}

func wantsHealthCheck(svc *corev1.Service) bool {
	return svc.Spec.Type == corev1.ServiceTypeLoadBalancer && externalLocal(svc) && svc.Spec.HealthCheckNodePort > 0
}

func externalLocal(svc *corev1.Service) bool {
	return svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

func internalLocal(svc *corev1.Service) bool {
	return svc.Spec.InternalTrafficPolicy != nil && *svc.Spec.InternalTrafficPolicy == corev1.ServiceInternalTrafficPolicyLocal
}

func clusterIPs(svc *corev1.Service) []netip.Addr {
	all := svc.Spec.ClusterIPs
	if len(all) == 0 {
		all = []string{svc.Spec.ClusterIP}
	}
	return parseAddresses(all)
}

func parseAddresses(in []string) []netip.Addr {
	var out []netip.Addr
	for _, s := range in {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, a.Unmap())
		}
	}
	return out
}

// portRules computes one port of a Service in one address family.
type portRules struct {
	svc       *corev1.Service
	port      *corev1.ServicePort
	clusterIP netip.Addr
	node      Node
	out       *ServiceRules
}

func (p *portRules) compute(endpointSlices []*discoveryv1.EndpointSlice) {
	eps := selectEndpoints(endpointSlices, p.port.Name, p.protocol(), p.ipv6(), p.node)
	internal := p.internal(eps)
	p.add(p.clusterIP, uint16(p.port.Port), internal)

	external := p.external(eps)
	for _, a := range p.sameFamily(parseAddresses(p.svc.Spec.ExternalIPs)) {
		p.add(a, uint16(p.port.Port), external)
	}
	if p.port.NodePort > 0 {
		p.add(netip.Addr{}, uint16(p.port.NodePort), external)
	}
	if balancers := p.sameFamily(ingressAddresses(p.svc)); len(balancers) > 0 {
		guarded := external
		if external.Verdict == Forward {
			guarded.Sources = p.sources()
		}
		for _, a := range balancers {
			p.add(a, uint16(p.port.Port), guarded)
		}
	}
}

// internal is the target of the cluster IP.
func (p *portRules) internal(eps endpoints) Target {
	if !internalLocal(p.svc) {
		return p.target(p.pool("cluster", eps.cluster), eps)
	}
	return p.target(p.pool("local", eps.local), eps)
}

// external is the target of node ports, external IPs and load balancer addresses.
func (p *portRules) external(eps endpoints) Target {
	if !p.hasExternal() {
		return Target{}
	}
	if !externalLocal(p.svc) {
		t := p.target(p.pool("cluster", eps.cluster), eps)
		t.Masquerade = t.Verdict == Forward
		return t
	}
	inside := p.pool("cluster", eps.cluster)
	if inside == "" {
		return p.target("", eps)
	}
	return Target{Verdict: Forward, Pool: p.pool("local", eps.local), InternalPool: inside}
}

func (p *portRules) hasExternal() bool {
	return p.port.NodePort > 0 || len(p.svc.Spec.ExternalIPs) > 0 || len(p.svc.Status.LoadBalancer.Ingress) > 0
}

func (p *portRules) target(pool string, eps endpoints) Target {
	switch {
	case pool != "":
		return Target{Verdict: Forward, Pool: pool}
	case len(eps.cluster) > 0:
		return Target{Verdict: Drop}
	default:
		return Target{Verdict: Reject}
	}
}

// pool registers the pool of the given scope and returns its name, or "" when nobody is in it.
func (p *portRules) pool(scope string, members []netip.AddrPort) string {
	if len(members) == 0 {
		return ""
	}
	family := "ipv4"
	if p.ipv6() {
		family = "ipv6"
	}
	name := p.svc.Namespace + "/" + p.svc.Name + ":" + p.port.Name + "/" + string(p.protocol()) + "/" + family + "/" + scope
	p.out.Pools[name] = Pool{Name: name, IPv6: p.ipv6(), Protocol: p.protocol(), Endpoints: members, Affinity: affinity(p.svc)}
	return name
}

func (p *portRules) add(a netip.Addr, port uint16, t Target) {
	if a.IsValid() && a.IsUnspecified() {
		return
	}
	p.out.Frontends[Frontend{Address: a, IPv6: p.ipv6(), Protocol: p.protocol(), Port: port}] = t
}

func (p *portRules) ipv6() bool { return p.clusterIP.Is6() }

func (p *portRules) protocol() corev1.Protocol {
	if p.port.Protocol == "" {
		return corev1.ProtocolTCP
	}
	return p.port.Protocol
}

func (p *portRules) sameFamily(in []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(in, func(a netip.Addr) bool { return a.Is6() != p.ipv6() })
}

// sources are the source ranges of the port's family; none of that family means that everybody is let in.
func (p *portRules) sources() string {
	all := p.svc.Spec.LoadBalancerSourceRanges
	if len(all) == 0 {
		if legacy := p.svc.Annotations[annotationSourceRanges]; legacy != "" {
			all = strings.Split(legacy, ",")
		}
	}
	var out []string
	for _, s := range all {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(s))
		if err == nil && prefix.Addr().Is6() == p.ipv6() {
			out = append(out, prefix.Masked().String())
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ",")
}

// ingressAddresses are the load balancer's addresses that the node itself must answer for.
func ingressAddresses(svc *corev1.Service) []netip.Addr {
	if svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return nil
	}
	var out []string
	for _, in := range svc.Status.LoadBalancer.Ingress {
		if in.IPMode == nil || *in.IPMode == corev1.LoadBalancerIPModeVIP {
			out = append(out, in.IP)
		}
	}
	return parseAddresses(out)
}

func affinity(svc *corev1.Service) time.Duration {
	if svc.Spec.SessionAffinity != corev1.ServiceAffinityClientIP {
		return 0
	}
	seconds := corev1.DefaultClientIPServiceAffinitySeconds
	if c := svc.Spec.SessionAffinityConfig; c != nil && c.ClientIP != nil && c.ClientIP.TimeoutSeconds != nil {
		seconds = *c.ClientIP.TimeoutSeconds
	}
	return time.Duration(seconds) * time.Second
}
