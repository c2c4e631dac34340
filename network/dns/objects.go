package dns

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Namespace and name of the Service under which pods reach the name server.
const (
	ServiceNamespace = metav1.NamespaceSystem
	serviceName      = "kube-dns"
	managedBy        = "dns.coxswain"
)

// place is the Node whose server is announced.
type place struct {
	name string
	uid  types.UID
}

// Service returns the Service with the given cluster IPs. It has no selector: the nodes announce their servers themselves.
func Service(clusterIPs []netip.Addr) *corev1.Service {
	svc := &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ServiceNamespace, Name: serviceName,
			Labels: map[string]string{
				"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "KubeDNS",
			},
		},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, TrafficDistribution: ptr.To(corev1.ServiceTrafficDistributionPreferSameNode),
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
	return svc
}

// endpointSlices are what leads to a node's servers, one for each. The hints keep every node's questions on the node; a node without a
// server may ask anybody's. The slices go with their Node.
func endpointSlices(node place, servers []netip.AddrPort) []*discoveryv1.EndpointSlice {
	var all []*discoveryv1.EndpointSlice
	for i, server := range servers {
		all = append(all, endpointSlice(fmt.Sprintf("%s-%s-%d", serviceName, node.name, i), node, server))
	}
	return all
}

func endpointSlice(name string, node place, server netip.AddrPort) *discoveryv1.EndpointSlice {
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
				discoveryv1.LabelServiceName: serviceName, discoveryv1.LabelManagedBy: managedBy,
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.name, UID: node.uid}},
		},
		AddressType: kind,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{server.Addr().String()}, NodeName: ptr.To(node.name),
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true), Serving: ptr.To(true), Terminating: ptr.To(false)},
			Hints:      &discoveryv1.EndpointHints{ForNodes: []discoveryv1.ForNode{{Name: node.name}}},
		}},
		Ports: []discoveryv1.EndpointPort{port("dns", corev1.ProtocolUDP), port("dns-tcp", corev1.ProtocolTCP)},
	}
}

// IsOwn tells whether a slice leads to the name server of a node.
func IsOwn(s *discoveryv1.EndpointSlice) bool {
	return s.Namespace == ServiceNamespace && s.Labels[discoveryv1.LabelManagedBy] == managedBy
}
