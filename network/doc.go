// Package network brings a node's pods on the network: it waits for the node's share of the pods' addresses, writes the configuration
// that the container runtime gives to the CNI plugin, and prepares the kernel for it.
//
// It reads its Node through an informer. It writes /etc/cni/net.d/10-coxswain.conflist (only when it changes: the runtime watches
// the folder), enables forwarding, and masquerades what pods send out of the cluster. Reaching the pods of other nodes is the
// business of a Fabric. It never touches a pod's interface (the plugin cni does, in a process of its own) nor Services (the proxy does).
//
// Parts: cni the plugin, ipam the addresses in use, packetfilter the rules, dns the cluster's name server, subscription what they hear of objects.
package network
