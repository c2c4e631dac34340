package endpointslice

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/controllers/backends"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Group is the endpoints of one address family that serve the same ports: what a set of
// slices holds.
type Group struct {
	Family    discoveryv1.AddressType
	Ports     []discoveryv1.EndpointPort
	Endpoints []discoveryv1.Endpoint
}

// Key tells groups of one family apart by their ports.
func Key(family discoveryv1.AddressType, ports []discoveryv1.EndpointPort) string {
	sorted := append([]discoveryv1.EndpointPort{}, ports...) // an empty list is read back as none
	slices.SortFunc(sorted, func(a, b discoveryv1.EndpointPort) int {
		return cmp.Or(
			cmp.Compare(ptr.Deref(a.Name, ""), ptr.Deref(b.Name, "")),
			cmp.Compare(ptr.Deref(a.Port, 0), ptr.Deref(b.Port, 0)),
			cmp.Compare(ptr.Deref(a.Protocol, ""), ptr.Deref(b.Protocol, "")),
		)
	})
	for i := range sorted { // the API fills these in, so absent and default are the same
		sorted[i].Name = ptr.To(ptr.Deref(sorted[i].Name, ""))
		sorted[i].Protocol = ptr.To(ptr.Deref(sorted[i].Protocol, corev1.ProtocolTCP))
	}
	encoded, err := json.Marshal(sorted)
	if err != nil {
		return string(family)
	}
	return string(family) + string(encoded)
}

// compute returns the groups of endpoints of a service, ordered by key, one without
// endpoints for a family that has none. zone gives the zone of a node.
func compute(svc *corev1.Service, pods []*corev1.Pod, zone func(node string) string) []*Group {
	var out []*Group
	for _, family := range families(svc) {
		groups := map[string]*Group{}
		for _, pod := range pods {
			if !backends.Included(pod, true) {
				continue
			}
			address, ok := backends.Address(pod, family)
			if !ok {
				continue
			}
			ports := portsOf(svc, pod)
			key := Key(discoveryv1.AddressType(family), ports)
			if groups[key] == nil {
				groups[key] = &Group{Family: discoveryv1.AddressType(family), Ports: ports}
			}
			groups[key].Endpoints = append(groups[key].Endpoints, endpoint(svc, pod, address, zone))
		}
		if len(groups) == 0 {
			empty := &Group{Family: discoveryv1.AddressType(family)}
			groups[Key(empty.Family, nil)] = empty
		}
		for _, key := range slices.Sorted(maps.Keys(groups)) {
			out = append(out, groups[key])
		}
	}
	addHints(svc, out)
	return out
}

// families are the service's address families; objects of an old API have none and take
// that of their address.
func families(svc *corev1.Service) []corev1.IPFamily {
	if len(svc.Spec.IPFamilies) > 0 {
		return svc.Spec.IPFamilies
	}
	if addr, err := netip.ParseAddr(svc.Spec.ClusterIP); err == nil && addr.Is6() {
		return []corev1.IPFamily{corev1.IPv6Protocol}
	}
	return []corev1.IPFamily{corev1.IPv4Protocol}
}

func portsOf(svc *corev1.Service, pod *corev1.Pod) []discoveryv1.EndpointPort {
	ports := []discoveryv1.EndpointPort{}
	for i := range svc.Spec.Ports {
		port := &svc.Spec.Ports[i]
		number, ok := backends.Port(pod, port)
		if !ok {
			continue
		}
		ports = append(ports, discoveryv1.EndpointPort{
			Name: ptr.To(port.Name), Port: ptr.To(number), Protocol: ptr.To(port.Protocol), AppProtocol: port.AppProtocol,
		})
	}
	return ports
}

func endpoint(svc *corev1.Service, pod *corev1.Pod, address string, zone func(string) string) discoveryv1.Endpoint {
	serving := podcontrol.IsReady(pod)
	terminating := pod.DeletionTimestamp != nil
	out := discoveryv1.Endpoint{
		Addresses: []string{address},
		Conditions: discoveryv1.EndpointConditions{
			Ready:       ptr.To(svc.Spec.PublishNotReadyAddresses || (serving && !terminating)),
			Serving:     ptr.To(serving),
			Terminating: ptr.To(terminating),
		},
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
	}
	if node := pod.Spec.NodeName; node != "" {
		out.NodeName = &node
		if name := zone(node); name != "" {
			out.Zone = &name
		}
	}
	if hostname, ok := backends.Hostname(pod, svc); ok {
		out.Hostname = &hostname
	}
	return out
}

// addHints tells proxies to prefer near endpoints, when the service asks for it. A zone
// is only hinted at if every ready endpoint of the group is in a known one.
func addHints(svc *corev1.Service, groups []*Group) {
	prefer := ptr.Deref(svc.Spec.TrafficDistribution, "")
	sameNode := prefer == corev1.ServiceTrafficDistributionPreferSameNode
	if !sameNode && prefer != corev1.ServiceTrafficDistributionPreferClose && prefer != corev1.ServiceTrafficDistributionPreferSameZone {
		return
	}
	for _, group := range groups {
		for i := range group.Endpoints {
			ep := &group.Endpoints[i]
			if !ptr.Deref(ep.Conditions.Ready, true) {
				continue
			}
			hints := &discoveryv1.EndpointHints{}
			if ep.Zone != nil {
				hints.ForZones = []discoveryv1.ForZone{{Name: *ep.Zone}}
			}
			if sameNode && ep.NodeName != nil {
				hints.ForNodes = []discoveryv1.ForNode{{Name: *ep.NodeName}}
			}
			if len(hints.ForZones)+len(hints.ForNodes) > 0 {
				ep.Hints = hints
			}
		}
	}
}
