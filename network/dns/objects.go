package dns

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// Namespace and name of the Service under which pods reach the name server.
const (
	ServiceNamespace = metav1.NamespaceSystem
	ServiceName      = "kube-dns"
)

// Objects returns the Service with the given cluster IPs and, per address family, the EndpointSlice that leads to a server on a node.
// The Service has no selector; the slices are named after the node, so that several nodes may each have a server.
func Objects(clusterIPs []netip.Addr, nodeName string, servers []netip.AddrPort) (*corev1.Service, []*discoveryv1.EndpointSlice) {
	svc := &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ServiceNamespace, Name: ServiceName,
			Labels: map[string]string{
				"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "KubeDNS",
			},
		},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP,
			Ports: []corev1.ServicePort{
				{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53},
				{Name: "dns-tcp", Protocol: corev1.ProtocolTCP, Port: 53},
			},
		},
	}
	for i, ip := range clusterIPs {
		if i == 0 {
			svc.Spec.ClusterIP = ip.String()
		}
		svc.Spec.ClusterIPs = append(svc.Spec.ClusterIPs, ip.String())
	}
	var all []*discoveryv1.EndpointSlice
	for i, server := range servers {
		all = append(all, endpointSlice(fmt.Sprintf("%s-%s-%d", ServiceName, nodeName, i), nodeName, server))
	}
	return svc, all
}

func endpointSlice(name, nodeName string, server netip.AddrPort) *discoveryv1.EndpointSlice {
	kind := discoveryv1.AddressTypeIPv4
	if server.Addr().Is6() {
		kind = discoveryv1.AddressTypeIPv6
	}
	port := func(name string, protocol corev1.Protocol) discoveryv1.EndpointPort {
		return discoveryv1.EndpointPort{Name: ptr.To(name), Protocol: ptr.To(protocol), Port: ptr.To(int32(server.Port()))}
	}
	return &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ServiceNamespace, Name: name,
			Labels: map[string]string{
				discoveryv1.LabelServiceName: ServiceName, discoveryv1.LabelManagedBy: "dns.coxswain",
			},
		},
		AddressType: kind,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{server.Addr().String()}, NodeName: ptr.To(nodeName),
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true), Serving: ptr.To(true), Terminating: ptr.To(false)},
		}},
		Ports: []discoveryv1.EndpointPort{port("dns", corev1.ProtocolUDP), port("dns-tcp", corev1.ProtocolTCP)},
	}
}
