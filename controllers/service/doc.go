// Package service has the cloud provider make, change and remove the load balancers of Services.
//
// It wakes when a Service of type LoadBalancer changes, or one that has the finalizer of a load balancer, and all of those when the nodes that traffic may go
// to change: a millisecond later for each of these nodes, so that many that come cost not their square. What was asked of the provider last is remembered, so that it hears only of changes:
//
//	type LoadBalancer, no class -> finalizer, EnsureLoadBalancer, status.loadBalancer
//	nodes change                -> UpdateLoadBalancer
//	deleted, or another type    -> EnsureLoadBalancerDeleted, status emptied, finalizer removed
//
// It reads Services, Nodes and, for a provider that follows them, EndpointSlices. It writes finalizers and the status of Services, both
// through the status subresource, and events. A Service with a loadBalancerClass is somebody else's.
package service
