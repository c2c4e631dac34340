// Package cloudnode tells Nodes what the cloud knows of their machines, and then lets pods onto them.
//
// A kubelet that is told that its machine is in a cloud registers with the taint node.cloudprovider.kubernetes.io/uninitialized. For such a Node this
// package asks the provider for its identity, addresses, type, zone and region, writes these, and takes the taint away. Every five minutes it asks for the
// addresses of all Nodes, and writes those that have changed. It deletes no Node, and does not run where the provider knows nothing of machines.
package cloudnode
