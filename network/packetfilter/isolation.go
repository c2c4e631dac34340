package packetfilter

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// Isolation says which connections of the node's pods are let through. A pod that is in neither map is not isolated. Addresses of both
// families are mixed; what is of one is ignored in the other.
type Isolation struct {
	// Ingress and Egress name, by the address of a pod, the list of rules that its connections must find one of.
	Ingress, Egress map[netip.Addr]string
	// Lists have names that stand for their contents: a list of that name never has other rules.
	Lists map[string][]Rule
	// Groups are addresses of pods by name.
	Groups map[string][]netip.Addr
	// Ports are pods' ports by name of a group.
	Ports map[string][]PodPort
	// NameServers are the cluster's, on the nodes, and NameClients the isolated pods that may ask them.
	NameServers []PodPort
	NameClients []NameClient
}

// Rule lets connections through: to or from a peer, whichever the list is for, by a protocol and to a range of ports.
type Rule struct {
	// Group names the peers, Block is a network of them. Neither means anybody.
	Group string
	Block netip.Prefix
	// Except are parts of the block that are not meant.
	Except []netip.Prefix
	// Protocol and ports of the one that is called. No protocol means all, port 0 means all ports.
	Protocol      corev1.Protocol
	Port, EndPort uint16
	// Ports names a group of ports that are called; the other fields are empty then.
	Ports string
}

// PodPort is a port at an address.
type PodPort struct {
	Address  netip.Addr
	Protocol corev1.Protocol
	Port     uint16
}

// NameClient is a pod that may ask the cluster's name servers by a protocol.
type NameClient struct {
	Address  netip.Addr
	Protocol corev1.Protocol
}

// Empty tells whether nobody is isolated.
func (i *Isolation) Empty() bool { return len(i.Ingress) == 0 && len(i.Egress) == 0 }
