package certificates

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// apiService is the Service, and the EndpointSlice, of the API servers.
const apiService = "kubernetes"

// servesItself says whether a request names nothing but the node. What the node says of itself in its status is not enough: the
// same authority signs for the API server, so a node could serve in its place or in another node's.
func (c *Controller) servesItself(ctx context.Context, name string, request *x509.CertificateRequest) (bool, error) {
	if reservedName(name) {
		return false, nil
	}
	for _, dns := range request.DNSNames {
		if dns != name || net.ParseIP(dns) != nil {
			return false, nil
		}
	}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: name}, &corev1.Node{}); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	nodes := &corev1.NodeList{}
	if err := c.Client.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing nodes: %w", err)
	}
	api, err := c.apiAddresses(ctx, name)
	if err != nil {
		return false, err
	}
	for _, ip := range request.IPAddresses {
		address, ok := addressOf(ip)
		if !ok || address.IsLoopback() || address.IsUnspecified() || contains(api, address) || !ownAddress(nodes, name, address) {
			return false, nil
		}
	}
	return true, nil
}

// reservedName says whether clients call something else by a name: the API server, or themselves.
func reservedName(name string) bool {
	inCluster := apiService + "." + metav1.NamespaceDefault
	return name == "localhost" || name == apiService || name == inCluster || name == inCluster+".svc" || strings.HasPrefix(name, inCluster+".svc.")
}

// ownAddress says whether an address is in the status of the node, and is no other node's.
func ownAddress(nodes *corev1.NodeList, name string, address netip.Addr) bool {
	own := false
	for i := range nodes.Items {
		node := &nodes.Items[i]
		for _, said := range node.Status.Addresses {
			have, err := netip.ParseAddr(said.Address)
			switch {
			case err != nil || have.Unmap() != address:
			case node.Name == name:
				own = true
			case said.Type == corev1.NodeInternalIP:
				return false
			}
		}
	}
	return own
}

// apiAddresses are those by which the API servers are called, and those of all other Services, as far as the node must not
// have them: one that runs beside the server shares the server's own.
func (c *Controller) apiAddresses(ctx context.Context, node string) ([]netip.Prefix, error) {
	var found []netip.Prefix
	add := func(texts ...string) {
		for _, text := range texts {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				found = append(found, prefix)
			} else if address, err := netip.ParseAddr(text); err == nil {
				address = address.Unmap()
				found = append(found, netip.PrefixFrom(address, address.BitLen()))
			}
		}
	}
	cidrs := &networkingv1.ServiceCIDRList{}
	if err := c.Client.List(ctx, cidrs); err != nil {
		return nil, fmt.Errorf("listing ServiceCIDRs: %w", err)
	}
	for i := range cidrs.Items {
		add(cidrs.Items[i].Spec.CIDRs...)
	}
	service := &corev1.Service{}
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: apiService}, service)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading the Service of the API servers: %w", err)
	}
	add(service.Spec.ClusterIPs...)
	if node == c.ServerNode {
		return found, nil
	}
	// Others may write slices with this label: a made-up one must not keep nodes from their certificates.
	slice := &discoveryv1.EndpointSlice{}
	err = c.Client.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceDefault, Name: apiService}, slice)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading the addresses of the API servers: %w", err)
	}
	for i := range slice.Endpoints {
		add(slice.Endpoints[i].Addresses...)
	}
	return found, nil
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

func addressOf(ip net.IP) (netip.Addr, bool) {
	address, ok := netip.AddrFromSlice(ip)
	return address.Unmap(), ok
}
