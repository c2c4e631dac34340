// Package nodelifecycle watches over nodes: one that is silent for too long becomes
// Unknown, and its taints follow its conditions.
//
// It reads Nodes, their Leases and Pods, writes Node conditions, Node taints, the Ready
// condition of pods on silent nodes, and events. It evicts nothing: tainteviction does.
//
// There is no loop: what a lease or a status says is remembered with the time at which
// it was seen, and a node is looked at again when its grace period could be over.
package nodelifecycle
