package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// wish is what of a Service the provider must know: when it changes, the load balancer is ensured again.
type wish struct {
	annotations  map[string]string
	ports        []corev1.ServicePort
	ip           string
	ranges       []string
	externalIPs  []string
	external     corev1.ServiceExternalTrafficPolicy
	healthPort   int32
	affinity     corev1.ServiceAffinity
	families     []corev1.IPFamily
	withoutPorts bool
}

func wishOf(service *corev1.Service) wish {
	s := &service.Spec
	return wish{
		annotations: service.Annotations, ports: s.Ports, ip: s.LoadBalancerIP, ranges: s.LoadBalancerSourceRanges, externalIPs: s.ExternalIPs,
		external: s.ExternalTrafficPolicy, healthPort: s.HealthCheckNodePort, affinity: s.SessionAffinity, families: s.IPFamilies,
		withoutPorts: s.AllocateLoadBalancerNodePorts != nil && !*s.AllocateLoadBalancerNodePorts,
	}
}

// toBeDeleted is what the cluster autoscaler puts on a node that it is about to remove.
const toBeDeleted = "ToBeDeletedByClusterAutoscaler"

// hosts are the nodes that load balancers may send traffic to, sorted by name. They are the cache's.
func (c *Controller) hosts(ctx context.Context) ([]*corev1.Node, error) {
	var all corev1.NodeList
	if err := c.Client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	var hosts []*corev1.Node
	for i := range all.Items {
		if eligible(&all.Items[i]) {
			hosts = append(hosts, &all.Items[i])
		}
	}
	slices.SortFunc(hosts, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	c.count.Store(int64(len(hosts)))
	return hosts, nil
}

// copies of nodes are for providers that may change them.
func copies(nodes []*corev1.Node) []*corev1.Node {
	all := make([]*corev1.Node, len(nodes))
	for i, node := range nodes {
		all[i] = node.DeepCopy()
	}
	return all
}

// eligible says whether load balancers may send traffic to a node.
func eligible(node *corev1.Node) bool {
	if _, excluded := node.Labels[corev1.LabelNodeExcludeBalancers]; excluded || node.DeletionTimestamp != nil {
		return false
	}
	if slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == toBeDeleted }) {
		return false
	}
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// names of nodes with what a provider would notice of them.
func names(nodes []*corev1.Node) []string {
	all := make([]string, 0, len(nodes))
	for _, node := range nodes {
		name := node.Name + " " + node.Spec.ProviderID
		for _, address := range node.Status.Addresses {
			name += " " + address.Address
		}
		all = append(all, strings.TrimSpace(name))
	}
	return all
}

func plain(nodes []*corev1.Node) []string {
	all := make([]string, len(nodes))
	for i, node := range nodes {
		all[i] = node.Name
	}
	return all
}

// signature of a node for load balancers; they need not be looked at while it stays the same.
func signature(o client.Object) string {
	node, ok := o.(*corev1.Node)
	if !ok || !eligible(node) {
		return ""
	}
	return strings.Join(names([]*corev1.Node{node}), "")
}
