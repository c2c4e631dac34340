package service

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
)

// prepare lets the older, single address stand for a list of one.
func prepare(s *corev1.Service) {
	if len(s.Spec.ClusterIPs) == 0 && s.Spec.ClusterIP != "" {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
	}
}

// prepareUpdate keeps what was allocated and is not mentioned, and drops what the new type has no use for.
func prepareUpdate(s, old *corev1.Service) {
	keepAllocated(&s.Spec, &old.Spec)
	normalizeClusterIPs(&s.Spec, &old.Spec)
	dropUnused(&s.Spec, &old.Spec)
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		s.Status.LoadBalancer = corev1.LoadBalancerStatus{}
	}
}

// keepAllocated gives an update that leaves addresses and ports open those that the service has.
func keepAllocated(spec, old *corev1.ServiceSpec) {
	if hasClusterIP(spec) && hasClusterIP(old) {
		if spec.ClusterIP == "" {
			spec.ClusterIP = old.ClusterIP
		}
		if len(spec.ClusterIPs) == 0 && spec.ClusterIP == old.ClusterIP {
			spec.ClusterIPs = slices.Clone(old.ClusterIPs)
		}
	}
	if hasNodePorts(spec) && hasNodePorts(old) {
		keepNodePorts(spec.Ports, old.Ports)
	}
	if hasHealthCheckPort(spec) && hasHealthCheckPort(old) && spec.HealthCheckNodePort == 0 {
		spec.HealthCheckNodePort = old.HealthCheckNodePort
	}
}

func keepNodePorts(ports, old []corev1.ServicePort) {
	type key struct {
		protocol corev1.Protocol
		port     int32
	}
	allocated, used := map[key]int32{}, map[int32]bool{}
	for _, p := range old {
		allocated[key{p.Protocol, p.Port}] = p.NodePort
	}
	for _, p := range ports {
		used[p.NodePort] = true
	}
	for i := range ports {
		p := &ports[i]
		if port := allocated[key{p.Protocol, p.Port}]; p.NodePort == 0 && port != 0 && !used[port] {
			p.NodePort = port
			used[port] = true
		}
	}
}

// normalizeClusterIPs follows a client that knows only the older, single address: what it does to that one
// happens to the list.
func normalizeClusterIPs(spec, old *corev1.ServiceSpec) {
	listed := slices.Equal(spec.ClusterIPs, old.ClusterIPs)
	switch {
	case spec.ClusterIP == "" && old.ClusterIP != "" && listed:
		spec.ClusterIPs = nil
	case spec.ClusterIP != old.ClusterIP && (listed || len(spec.ClusterIPs) == 0):
		spec.ClusterIPs = nil
		if spec.ClusterIP != "" {
			spec.ClusterIPs = []string{spec.ClusterIP}
		}
	}
}

// dropUnused clears what a change of type left behind, unless the client changes it as well.
func dropUnused(spec, old *corev1.ServiceSpec) {
	if hasClusterIP(old) && !hasClusterIP(spec) {
		if spec.ClusterIP == old.ClusterIP && slices.Equal(spec.ClusterIPs, old.ClusterIPs) {
			spec.ClusterIP, spec.ClusterIPs = "", nil
		}
		if slices.Equal(spec.IPFamilies, old.IPFamilies) {
			spec.IPFamilies = nil
		}
		if ptr.Equal(spec.IPFamilyPolicy, old.IPFamilyPolicy) {
			spec.IPFamilyPolicy = nil
		}
		if ptr.Equal(spec.InternalTrafficPolicy, old.InternalTrafficPolicy) {
			spec.InternalTrafficPolicy = nil
		}
	}
	if hasNodePorts(old) && !hasNodePorts(spec) && sameNodePorts(spec.Ports, old.Ports) {
		for i := range spec.Ports {
			spec.Ports[i].NodePort = 0
		}
	}
	if hasHealthCheckPort(old) && !hasHealthCheckPort(spec) && spec.HealthCheckNodePort == old.HealthCheckNodePort {
		spec.HealthCheckNodePort = 0
	}
	if old.Type == corev1.ServiceTypeLoadBalancer && spec.Type != corev1.ServiceTypeLoadBalancer {
		if ptr.Equal(spec.AllocateLoadBalancerNodePorts, old.AllocateLoadBalancerNodePorts) {
			spec.AllocateLoadBalancerNodePorts = nil
		}
		if ptr.Equal(spec.LoadBalancerClass, old.LoadBalancerClass) {
			spec.LoadBalancerClass = nil
		}
	}
	if externallyReachable(old) && !externallyReachable(spec) && spec.ExternalTrafficPolicy == old.ExternalTrafficPolicy {
		spec.ExternalTrafficPolicy = ""
	}
}

func sameNodePorts(ports, old []corev1.ServicePort) bool {
	set := func(ports []corev1.ServicePort) map[int32]bool {
		out := map[int32]bool{}
		for _, p := range ports {
			if p.NodePort != 0 {
				out[p.NodePort] = true
			}
		}
		return out
	}
	return equality.Semantic.DeepEqual(set(ports), set(old))
}

// hasNodePorts says whether ports of a service are open on every node.
func hasNodePorts(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeNodePort ||
		spec.Type == corev1.ServiceTypeLoadBalancer && ptr.Deref(spec.AllocateLoadBalancerNodePorts, true)
}

// hasHealthCheckPort says whether a balancer outside has to ask the nodes which of them have endpoints.
func hasHealthCheckPort(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeLoadBalancer && spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}
