package cloud

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// apiServer has its port on all addresses of its node, whichever of them it is known by.
const apiServer = "the API server"

// place is a port on an address; without one, on all addresses of all nodes.
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
		who := "Service " + other.Namespace + "/" + other.Name
		for _, port := range other.Spec.Ports {
			for _, ip := range slices.Concat(l.has(other), other.Spec.ExternalIPs) {
				all.add(ip, port.Port, protocol(port.Protocol), who)
			}
			if port.NodePort != 0 {
				all[place{port: port.NodePort, protocol: protocol(port.Protocol)}] = who
			}
		}
	}
	var servers discoveryv1.EndpointSliceList
	own := client.MatchingLabels{discoveryv1.LabelServiceName: "kubernetes"}
	if err := l.Reader.List(ctx, &servers, client.InNamespace(corev1.NamespaceDefault), own, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing API servers: %w", err)
	}
	for i := range servers.Items {
		for _, endpoint := range servers.Items[i].Endpoints {
			for _, address := range endpoint.Addresses {
				for _, port := range servers.Items[i].Ports {
					if port.Port != nil {
						all.add(address, *port.Port, corev1.ProtocolTCP, apiServer)
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
		who := cmp.Or(p[place{address, port.Port, protocol(port.Protocol)}], p[place{port: port.Port, protocol: protocol(port.Protocol)}])
		for _, a := range node.Status.Addresses {
			if other, err := netip.ParseAddr(a.Address); err == nil && p[place{other.Unmap(), port.Port, protocol(port.Protocol)}] == apiServer {
				who = apiServer
			}
		}
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
