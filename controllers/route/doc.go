// Package route has the cloud lead the pod network of each Node to its machine, and says on the Node that it does.
//
//	Node with podCIDRs -> route in the cloud -> condition NetworkUnavailable is False
//	route within the pod network without a Node -> removed
//
// It wakes when Nodes or their networks come and go, and twice a day, for nobody tells of routes that are removed by hand. It
// writes routes, one condition of Nodes, and events. It does not run where the provider has no routes.
package route
