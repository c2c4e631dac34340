package rules

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// endpoints are those that a port's connections may go to, each list sorted.
type endpoints struct {
	// cluster: any node's, narrowed by the topology hints when they apply.
	cluster []netip.AddrPort
	// local: this node's alone.
	local []netip.AddrPort
}

// candidate is one endpoint of one port with what the choice depends on.
type candidate struct {
	address     netip.AddrPort
	ready       bool
	terminating bool // terminating but still serving
	local       bool
	zones       []string
	nodes       []string
}

// selectEndpoints picks the endpoints of the port with the given name.
// Ready ones are preferred. Where none is ready, those that are terminating but still serve are used, so that the last pods of a
// Service finish their work. The scopes decide on their own: local may have to fall back while cluster need not.
func selectEndpoints(all []*discoveryv1.EndpointSlice, portName string, protocol corev1.Protocol, ipv6 bool, node Node) endpoints {
	var candidates []candidate
	for _, s := range all {
		if (s.AddressType == discoveryv1.AddressTypeIPv6) != ipv6 || s.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		port, ok := slicePort(s, portName, protocol)
		if !ok {
			continue
		}
		for i := range s.Endpoints {
			if c, ok := toCandidate(&s.Endpoints[i], port, ipv6, node.Name); ok {
				candidates = append(candidates, c)
			}
		}
	}
	cluster := usable(candidates)
	local := usable(slices.DeleteFunc(slices.Clone(candidates), func(c candidate) bool { return !c.local }))
	return endpoints{cluster: addresses(closest(cluster, node)), local: addresses(local)}
}

func slicePort(s *discoveryv1.EndpointSlice, name string, protocol corev1.Protocol) (uint16, bool) {
	for _, p := range s.Ports {
		n, proto := "", corev1.ProtocolTCP
		if p.Name != nil {
			n = *p.Name
		}
		if p.Protocol != nil {
			proto = *p.Protocol
		}
		if n == name && proto == protocol && p.Port != nil {
			return uint16(*p.Port), true
		}
	}
	return 0, false
}

func toCandidate(e *discoveryv1.Endpoint, port uint16, ipv6 bool, nodeName string) (candidate, bool) {
	if len(e.Addresses) == 0 {
		return candidate{}, false
	}
	address, err := netip.ParseAddr(e.Addresses[0])
	if err != nil || address.Is6() != ipv6 {
		return candidate{}, false
	}
	c := candidate{
		address: netip.AddrPortFrom(address, port),
		ready:   e.Conditions.Ready == nil || *e.Conditions.Ready,
		local:   e.NodeName != nil && *e.NodeName == nodeName,
	}
	serving := c.ready
	if e.Conditions.Serving != nil {
		serving = *e.Conditions.Serving
	}
	c.terminating = serving && e.Conditions.Terminating != nil && *e.Conditions.Terminating
	if h := e.Hints; h != nil {
		for _, z := range h.ForZones {
			c.zones = append(c.zones, z.Name)
		}
		for _, n := range h.ForNodes {
			c.nodes = append(c.nodes, n.Name)
		}
	}
	return c, true
}

// usable are the ready ones, or else those that serve while they terminate.
func usable(all []candidate) []candidate {
	var ready, serving []candidate
	for _, c := range all {
		switch {
		case c.ready:
			ready = append(ready, c)
		case c.terminating:
			serving = append(serving, c)
		}
	}
	if len(ready) > 0 {
		return ready
	}
	return serving
}

// closest narrows to the endpoints hinted at for this node, or else for its zone. Hints count only when every endpoint has
// them and at least one is meant for here; otherwise all endpoints stay.
func closest(all []candidate, node Node) []candidate {
	if near := hinted(all, node.Name, func(c candidate) []string { return c.nodes }); near != nil {
		return near
	}
	if near := hinted(all, node.Zone, func(c candidate) []string { return c.zones }); near != nil {
		return near
	}
	return all
}

func hinted(all []candidate, here string, hints func(candidate) []string) []candidate {
	if here == "" {
		return nil
	}
	var near []candidate
	for _, c := range all {
		h := hints(c)
		if len(h) == 0 {
			return nil
		}
		if slices.Contains(h, here) {
			near = append(near, c)
		}
	}
	return near
}

func addresses(all []candidate) []netip.AddrPort {
	var out []netip.AddrPort
	for _, c := range all {
		out = append(out, c.address)
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return slices.Compact(out)
}

// countLocal counts the ready endpoints of this node, each address once.
func countLocal(all []*discoveryv1.EndpointSlice, nodeName string) int {
	seen := map[string]bool{}
	for _, s := range all {
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			ready := e.Conditions.Ready == nil || *e.Conditions.Ready
			if ready && e.NodeName != nil && *e.NodeName == nodeName && len(e.Addresses) > 0 {
				seen[e.Addresses[0]] = true
			}
		}
	}
	return len(seen)
}
