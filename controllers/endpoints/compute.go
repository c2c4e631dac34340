package endpoints

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/backends"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// capacity is the most addresses that an Endpoints object holds.
const capacity = 1000

// subsets computes the subsets of a service's Endpoints and whether addresses had to be
// left out. Addresses with the same ports share a subset; all is sorted, so that the
// same pods always give the same object.
func subsets(svc *corev1.Service, pods []*corev1.Pod) ([]corev1.EndpointSubset, bool) {
	family := corev1.IPv4Protocol
	if len(svc.Spec.IPFamilies) > 0 {
		family = svc.Spec.IPFamilies[0]
	} else if addr, err := netip.ParseAddr(svc.Spec.ClusterIP); err == nil && addr.Is6() {
		family = corev1.IPv6Protocol
	}
	groups := map[string]*corev1.EndpointSubset{}
	for _, pod := range pods {
		if !backends.Included(pod, svc.Spec.PublishNotReadyAddresses) {
			continue
		}
		ip, ok := backends.Address(pod, family)
		if !ok {
			continue
		}
		ports, ok := portsOf(svc, pod)
		if !ok {
			continue
		}
		key := portsKey(ports)
		if groups[key] == nil {
			groups[key] = &corev1.EndpointSubset{Ports: ports}
		}
		group, address := groups[key], addressOf(svc, pod, ip)
		if svc.Spec.PublishNotReadyAddresses || podcontrol.IsReady(pod) {
			group.Addresses = append(group.Addresses, address)
		} else {
			group.NotReadyAddresses = append(group.NotReadyAddresses, address)
		}
	}
	out := make([]corev1.EndpointSubset, 0, len(groups))
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		group := groups[key]
		slices.SortFunc(group.Addresses, byIP)
		slices.SortFunc(group.NotReadyAddresses, byIP)
		out = append(out, *group)
	}
	return truncate(out)
}

// portsOf are the pod's numbers for the service's ports. A pod that has none of them is
// no endpoint, unless the service is headless and has no ports at all.
func portsOf(svc *corev1.Service, pod *corev1.Pod) ([]corev1.EndpointPort, bool) {
	var ports []corev1.EndpointPort
	for i := range svc.Spec.Ports {
		port := &svc.Spec.Ports[i]
		number, ok := backends.Port(pod, port)
		if !ok {
			continue
		}
		ports = append(ports, corev1.EndpointPort{
			Name: port.Name, Port: number, Protocol: port.Protocol, AppProtocol: port.AppProtocol,
		})
	}
	slices.SortFunc(ports, func(a, b corev1.EndpointPort) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	headless := len(svc.Spec.Ports) == 0 && svc.Spec.ClusterIP == corev1.ClusterIPNone
	return ports, len(ports) > 0 || headless
}

func portsKey(ports []corev1.EndpointPort) string {
	var key strings.Builder
	for _, port := range ports {
		protocol := ""
		if port.AppProtocol != nil {
			protocol = *port.AppProtocol
		}
		fmt.Fprintf(&key, "%s/%d/%s/%s,", port.Name, port.Port, port.Protocol, protocol)
	}
	return key.String()
}

func addressOf(svc *corev1.Service, pod *corev1.Pod, ip string) corev1.EndpointAddress {
	address := corev1.EndpointAddress{
		IP: ip,
		TargetRef: &corev1.ObjectReference{
			Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		},
	}
	if node := pod.Spec.NodeName; node != "" {
		address.NodeName = &node
	}
	if hostname, ok := backends.Hostname(pod, svc); ok {
		address.Hostname = hostname
	}
	return address
}

func byIP(a, b corev1.EndpointAddress) int {
	uid := func(x corev1.EndpointAddress) string {
		if x.TargetRef == nil {
			return ""
		}
		return string(x.TargetRef.UID)
	}
	return cmp.Or(cmp.Compare(a.IP, b.IP), cmp.Compare(uid(a), uid(b)))
}

// truncate keeps at most capacity addresses, ready ones first.
func truncate(all []corev1.EndpointSubset) ([]corev1.EndpointSubset, bool) {
	ready, notReady := 0, 0
	for _, subset := range all {
		ready += len(subset.Addresses)
		notReady += len(subset.NotReadyAddresses)
	}
	if ready+notReady <= capacity {
		return all, false
	}
	keepReady := min(ready, capacity)
	keepNotReady := capacity - keepReady
	var out []corev1.EndpointSubset
	for _, subset := range all {
		subset.Addresses, keepReady = keep(subset.Addresses, keepReady)
		subset.NotReadyAddresses, keepNotReady = keep(subset.NotReadyAddresses, keepNotReady)
		if len(subset.Addresses)+len(subset.NotReadyAddresses) > 0 {
			out = append(out, subset)
		}
	}
	return out, true
}

func keep(addresses []corev1.EndpointAddress, room int) ([]corev1.EndpointAddress, int) {
	n := min(len(addresses), room)
	return addresses[:n:n], room - n
}
