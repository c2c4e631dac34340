package cloud

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// place is a port on an address.
type place struct {
	address  netip.Addr
	port     int32
	protocol corev1.Protocol
}

// places are those that somebody has, by who it is.
type places map[place]string

// taken are the places of all other Services and of the API servers. What the API server has must never lead to a pod: nobody could
// take that back.
func (l *Local) taken(ctx context.Context, service *corev1.Service) (places, error) {
	all := places{}
	var services corev1.ServiceList
	if err := l.Reader.List(ctx, &services, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing Services: %w", err)
	}
	for i := range services.Items {
		other := &services.Items[i]
		if other.Namespace == service.Namespace && other.Name == service.Name {
			continue
		}
		var has []string
		for _, ingress := range other.Status.LoadBalancer.Ingress {
			has = append(has, ingress.IP)
		}
		for _, ip := range append(has, other.Spec.ExternalIPs...) {
			for _, port := range other.Spec.Ports {
				all.add(ip, port.Port, protocol(port.Protocol), "Service "+other.Namespace+"/"+other.Name)
			}
		}
	}
	var slices discoveryv1.EndpointSliceList
	own := client.MatchingLabels{discoveryv1.LabelServiceName: "kubernetes"}
	if err := l.Reader.List(ctx, &slices, client.InNamespace(corev1.NamespaceDefault), own, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing API servers: %w", err)
	}
	for i := range slices.Items {
		for _, endpoint := range slices.Items[i].Endpoints {
			for _, address := range endpoint.Addresses {
				for _, port := range slices.Items[i].Ports {
					if port.Port != nil {
						all.add(address, *port.Port, corev1.ProtocolTCP, "the API server")
					}
				}
			}
		}
	}
	return all, nil
}

func (p places) add(ip string, port int32, of corev1.Protocol, who string) {
	if address, err := netip.ParseAddr(ip); err == nil {
		p[place{address.Unmap(), port, of}] = who
	}
}

// by says who has one of the Service's ports on an address of a node, empty if nobody has.
func (p places) by(service *corev1.Service, node *corev1.Node, address netip.Addr) string {
	for _, port := range service.Spec.Ports {
		who := p[place{address, port.Port, protocol(port.Protocol)}]
		if port.Port == node.Status.DaemonEndpoints.KubeletEndpoint.Port && protocol(port.Protocol) == corev1.ProtocolTCP {
			who = "the kubelet"
		}
		if who != "" {
			return fmt.Sprintf("port %d/%s of node %s is taken by %s", port.Port, protocol(port.Protocol), node.Name, who)
		}
	}
	return ""
}

func protocol(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}
