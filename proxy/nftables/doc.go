// Package nftables is the proxy's backend for kernels with nf_tables. It speaks netlink; no program is needed.
//
// It owns the tables `ip coxswain` and `ip6 coxswain` and touches nothing else. In each:
//
//	map service-ips      address . protocol . port : verdict    cluster IPs, external IPs, load balancer addresses
//	map node-ports       protocol . port : verdict              for packets to the node's own addresses, loopback apart
//	map service-verdicts, node-port-verdicts                    frontends that nobody is behind: reject or drop
//	set cluster-ips      every cluster IP                       to masquerade outsiders, and to reject unknown ports
//	set hairpin          address . address                      every endpoint with itself: it reached itself through a Service
//	chain p-HASH/...     one pool: one rule that picks an endpoint by a random number and rewrites the destination
//	chain t-HASH         one kind of target: source ranges, masquerading, local policy; then goto a pool's chain
//
// So a packet costs one hash look-up however many Services there are, and a change costs what has changed: an endpoint that comes
// or goes rewrites the one chain of its pool. Every change is one kernel transaction: a packet sees it whole or not at all.
//
// It reads nothing back. The first transaction of a new process replaces the tables of an older one in one step;
// connections live on in conntrack.
package nftables
