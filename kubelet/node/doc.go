// Package node keeps the Node object and the Lease of the machine that the kubelet runs on.
//
// It registers the node once, then writes the node's status when it changes, or every five minutes so that others see
// it is still meant. The lease in kube-node-lease says every ten seconds that the kubelet lives.
//
// It reads /proc, /sys and file system sizes, and the runtime's condition and images. It writes Node, Node/status
// and Lease. It never writes a node's taints, labels of others, or pod addresses ranges.
package node
