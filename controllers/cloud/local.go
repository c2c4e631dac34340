package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	cloudprovider "k8s.io/cloud-provider"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// LocalName is the name of the provider of a cluster that is in no cloud.
const LocalName = "local"

// Local is the cloud of a cluster that is in none.
type Local struct {
	// Reader shows Services and EndpointSlices.
	Reader client.Reader
	// KnowsNodes lets nodes in that wait for a cloud to know them (--cloud-provider=external). Without it there are none.
	KnowsNodes bool

	mu    sync.Mutex // one Service at a time is given addresses
	given map[types.NamespacedName]gift
}

// gift is what a Service was given last, which Reader may not show yet.
type gift struct {
	uid       types.UID
	addresses []string
}

var (
	_ cloudprovider.Interface    = &Local{}
	_ cloudprovider.LoadBalancer = &Local{}
)

// Initialize implements cloudprovider.Interface.
func (*Local) Initialize(cloudprovider.ControllerClientBuilder, <-chan struct{}) {}

// LoadBalancer implements cloudprovider.Interface.
func (l *Local) LoadBalancer() (cloudprovider.LoadBalancer, bool) { return l, true }

// Instances implements cloudprovider.Interface: the kubelets know their machines best.
func (*Local) Instances() (cloudprovider.Instances, bool) { return nil, false }

// InstancesV2 implements cloudprovider.Interface.
func (l *Local) InstancesV2() (cloudprovider.InstancesV2, bool) { return instances{}, l.KnowsNodes }

// Zones implements cloudprovider.Interface.
func (*Local) Zones() (cloudprovider.Zones, bool) { return nil, false }

// Clusters implements cloudprovider.Interface.
func (*Local) Clusters() (cloudprovider.Clusters, bool) { return nil, false }

// Routes implements cloudprovider.Interface: the pod network makes its own.
func (*Local) Routes() (cloudprovider.Routes, bool) { return nil, false }

// ProviderName implements cloudprovider.Interface.
func (*Local) ProviderName() string { return LocalName }

// HasClusterID implements cloudprovider.Interface.
func (*Local) HasClusterID() bool { return true }

// FollowsEndpoints says that a Service with the traffic policy Local has the addresses of the nodes that its endpoints are on: nothing
// outside asks the nodes for their health.
func (*Local) FollowsEndpoints() bool { return true }

// GetLoadBalancerName implements cloudprovider.LoadBalancer.
func (*Local) GetLoadBalancerName(_ context.Context, _ string, service *corev1.Service) string {
	return service.Namespace + "/" + service.Name
}

// GetLoadBalancer implements cloudprovider.LoadBalancer.
func (*Local) GetLoadBalancer(_ context.Context, _ string, service *corev1.Service) (*corev1.LoadBalancerStatus, bool, error) {
	return &service.Status.LoadBalancer, len(service.Status.LoadBalancer.Ingress) > 0, nil
}

// UpdateLoadBalancer implements cloudprovider.LoadBalancer.
func (*Local) UpdateLoadBalancer(context.Context, string, *corev1.Service, []*corev1.Node) error {
	return nil
}

// EnsureLoadBalancerDeleted implements cloudprovider.LoadBalancer.
func (l *Local) EnsureLoadBalancerDeleted(_ context.Context, _ string, service *corev1.Service) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.given, client.ObjectKeyFromObject(service))
	return nil
}

// EnsureLoadBalancer implements cloudprovider.LoadBalancer.
func (l *Local) EnsureLoadBalancer(ctx context.Context, _ string, service *corev1.Service, nodes []*corev1.Node) (*corev1.LoadBalancerStatus, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken, err := l.taken(ctx, service)
	if err != nil {
		return nil, err
	}
	if service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		if nodes, err = l.withEndpoints(ctx, service, nodes); err != nil {
			return nil, err
		}
	}
	status := &corev1.LoadBalancerStatus{}
	var conflicts []string
	for _, node := range nodes {
		for _, address := range addresses(service, node) {
			if conflict := taken.by(service, node, address); conflict != "" {
				conflicts = append(conflicts, conflict)
				continue
			}
			status.Ingress = append(status.Ingress, corev1.LoadBalancerIngress{IP: address.String(), IPMode: ptr.To(corev1.LoadBalancerIPModeVIP)})
		}
	}
	if len(status.Ingress) == 0 && len(conflicts) > 0 {
		slices.Sort(conflicts)
		return nil, errors.New(strings.Join(slices.Compact(conflicts), "; "))
	}
	if l.given == nil {
		l.given = map[types.NamespacedName]gift{}
	}
	l.given[client.ObjectKeyFromObject(service)] = gift{service.UID, listed(status)}
	return status, nil
}

func listed(status *corev1.LoadBalancerStatus) []string {
	addresses := make([]string, 0, len(status.Ingress))
	for _, ingress := range status.Ingress {
		addresses = append(addresses, ingress.IP)
	}
	return addresses
}

// has are the addresses of a Service: those that it was given, or else those of its status.
func (l *Local) has(service *corev1.Service) []string {
	if last, ok := l.given[client.ObjectKeyFromObject(service)]; ok && last.uid == service.UID && service.Spec.Type == corev1.ServiceTypeLoadBalancer {
		return last.addresses
	}
	return listed(&service.Status.LoadBalancer)
}

// addresses are those of a node that a Service can have: of each of its families the external one, or else the internal one.
func addresses(service *corev1.Service, node *corev1.Node) []netip.Addr {
	families := service.Spec.IPFamilies
	if len(families) == 0 {
		families = []corev1.IPFamily{corev1.IPv4Protocol}
	}
	var all []netip.Addr
	for _, family := range families {
		if address := addressOf(node, family == corev1.IPv6Protocol); address.IsValid() {
			all = append(all, address)
		}
	}
	if wanted, err := netip.ParseAddr(service.Spec.LoadBalancerIP); err == nil {
		all = slices.DeleteFunc(all, func(a netip.Addr) bool { return a != wanted })
	}
	return all
}

func addressOf(node *corev1.Node, ipv6 bool) netip.Addr {
	for _, kind := range []corev1.NodeAddressType{corev1.NodeExternalIP, corev1.NodeInternalIP} {
		for _, a := range node.Status.Addresses {
			if address, err := netip.ParseAddr(a.Address); err == nil && a.Type == kind && address.Unmap().Is6() == ipv6 && !address.IsLoopback() && !address.IsUnspecified() {
				return address.Unmap()
			}
		}
	}
	return netip.Addr{}
}

// withEndpoints are the nodes that endpoints of the Service are on.
func (l *Local) withEndpoints(ctx context.Context, service *corev1.Service, nodes []*corev1.Node) ([]*corev1.Node, error) {
	var all discoveryv1.EndpointSliceList
	selected := client.MatchingLabels{discoveryv1.LabelServiceName: service.Name}
	if err := l.Reader.List(ctx, &all, client.InNamespace(service.Namespace), selected, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing endpoints: %w", err)
	}
	on := map[string]bool{}
	for i := range all.Items {
		for _, endpoint := range all.Items[i].Endpoints {
			if endpoint.NodeName != nil && (endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready) {
				on[*endpoint.NodeName] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(nodes), func(node *corev1.Node) bool { return !on[node.Name] }), nil
}
