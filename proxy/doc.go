// Package proxy makes Services work on a node: it turns Services and EndpointSlices into rules of the kernel's packet filter.
//
// It reads Services, EndpointSlices and its own Node through informers. It owns the rules in the kernel (in its own tables or chains
// only), a route for the cluster IPs, stale conntrack entries of UDP Services, and the health check ports of Services. It writes nothing to the API but events.
//
// The way of a change:
//
//	informer event -> the Service's name is dirty -> rules.Compute (pure) -> rules.State knows the difference -> Backend.Apply
//
// rules holds the model, nftables and iptables are backends, proxytest is the behaviour both have. A change that comes while nothing
// happens is applied at once; a storm is gathered into a few syncs per second. The kernel is never read to find out
// what to do: a new process replaces, in one step, what an older one has left. When the proxy stops, its rules stay, so a restart is not noticed.
package proxy
