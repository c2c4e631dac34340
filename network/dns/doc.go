// Package dns is the cluster's name server. It answers for the cluster's domain from informers and hands other names to the name
// servers of the machine.
//
// Server reads Services, EndpointSlices and Namespaces and the machine's resolv.conf; it owns its sockets. Node writes the EndpointSlice
// that leads a node's pods to the node's own server. The Service is written by whoever composes the cluster.
//
// What it answers (domain cluster.local), after the Kubernetes DNS specification:
//
//	SVC.NS.svc                A, AAAA: the cluster IPs; of a headless Service its ready endpoints; CNAME of an ExternalName
//	_PORT._PROTO.SVC.NS.svc   SRV
//	HOST.SVC.NS.svc           A, AAAA of an endpoint with that host name (or its address with dashes)
//	1-2-3-4.NS.pod            A: the address itself
//	4.3.2.1.in-addr.arpa      PTR of cluster IPs and headless endpoints
//
// A name that exists without records of the type asked for is NODATA, everything else NXDOMAIN: search lists depend on the difference.
// Every event updates an index of names; a question is a few look-ups in it.
package dns
