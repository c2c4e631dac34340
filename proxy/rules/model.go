package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Frontend is something that a packet can be addressed to: an address and a port of a Service.
type Frontend struct {
	// Address is the Service's own address. The zero value means every address of this node (a node port); IPv6 then
	// says which family.
	Address  netip.Addr
	IPv6     bool
	Protocol corev1.Protocol
	Port     uint16
}

// NodePort tells whether the frontend is a port on the node's own addresses.
func (f Frontend) NodePort() bool { return !f.Address.IsValid() }

// Verdict is what becomes of a new connection to a frontend.
type Verdict string

const (
	// Forward sends it to an endpoint of the target's pool.
	Forward Verdict = "Forward"
	// Reject answers it with an ICMP error: nobody is behind the Service.
	Reject Verdict = "Reject"
	// Drop ignores it: somebody is behind the Service, but not on this node, and the policy is Local.
	Drop Verdict = "Drop"
)

// Target is what happens to the connections of a frontend. It is comparable, and two frontends with equal targets share their rules.
type Target struct {
	Verdict Verdict
	// Pool names the endpoints that connections are spread over.
	Pool string
	// InternalPool, when set, is the pool for clients inside of the cluster (pods of this node's cluster network, the node itself)
	// while the policy Local confines the others to Pool. Pool may then be empty: the others are dropped.
	InternalPool string
	// Masquerade replaces the client's address with the node's, so that replies come back through this node.
	Masquerade bool
	// Sources, when not empty, are the only clients let in: prefixes, sorted, joined by commas.
	Sources string
}

// SourcePrefixes are Target.Sources parsed.
func (t Target) SourcePrefixes() []netip.Prefix {
	var out []netip.Prefix
	for s := range strings.SplitSeq(t.Sources, ",") {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// Pool is a set of endpoints that connections are spread over evenly.
type Pool struct {
	// Name is unique among all pools: namespace/service:port/protocol/family/scope.
	Name     string
	IPv6     bool
	Protocol corev1.Protocol
	// Endpoints are sorted and never empty.
	Endpoints []netip.AddrPort
	// Affinity is how long a client stays with its endpoint after its last new connection. Zero means no affinity.
	Affinity time.Duration
}

// ServiceRules is what one Service asks for.
type ServiceRules struct {
	Frontends map[Frontend]Target
	Pools     map[string]Pool
	// ClusterIPs are the Service's cluster IPs; a packet to one of them that no frontend takes is rejected.
	ClusterIPs []netip.Addr
	// HealthCheck is set for a Service that wants its local endpoints counted on a port of the node.
	HealthCheck *HealthCheck
}

// HealthCheck is served over HTTP for load balancers that must know which nodes have local endpoints.
type HealthCheck struct {
	Port           uint16
	LocalEndpoints int
}

// String is the frontend in words, for logs and tests.
func (f Frontend) String() string {
	where := f.Address.String()
	switch {
	case f.NodePort() && f.IPv6:
		where = "node (IPv6)"
	case f.NodePort():
		where = "node"
	}
	return fmt.Sprintf("%s %s %d", where, f.Protocol, f.Port)
}
