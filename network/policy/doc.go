// Package policy enforces NetworkPolicies (networking.k8s.io/v1) for a node's pods.
//
// It reads NetworkPolicies and, once there is one, Namespaces, Pods and the EndpointSlices of the cluster's name servers through informers. It
// owns the table coxswain-policy of the kernel's packet filter, by way of network/packetfilter, and writes nothing to the API.
//
// compute, a pure function, says which of the node's pods are isolated and what they may do. The kernel gets the difference to what it has.
// A pod is isolated from when its address is known to the API; connections that are open stay open. The node itself always reaches its
// pods, a pod always itself, and a pod that may ask anybody on port 53, or the pods labelled k8s-app=kube-dns of the namespace
// kube-system, may ask the nodes' name servers, which stand for those.
package policy
