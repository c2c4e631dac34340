// Package cluster composes the parts into a running cluster: certificates, etcd, API server, bootstrap
// objects, controllers, scheduler and this machine's node. Start is the whole of it for a Go program; the
// command line is a thin layer above.
//
// It owns the order in which things start and stop, and what each part is given: its identity, its client and
// its view of the cache. It knows nothing of how any part does its work.
package cluster
