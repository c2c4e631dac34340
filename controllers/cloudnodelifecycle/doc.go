// Package cloudnodelifecycle takes Nodes away whose machines are gone from the cloud, and marks those whose machines are shut down.
//
// It asks the provider about Nodes that are not ready, now and every five seconds for as long as they are not: clouds do not tell. It deletes a Node, or writes the
// taint node.cloudprovider.kubernetes.io/shutdown, and events. It does not run where the provider knows nothing of machines.
package cloudnodelifecycle
