// Package iptables is the proxy's backend for machines with iptables and without nf_tables. It runs iptables-restore.
//
// It owns the chains whose names begin with COX- in the tables nat and filter of both families, and the rules that lead to them.
//
//	nat     PREROUTING, OUTPUT -> COX-ENTRY -> COX-OUTSIDE (who must be masqueraded), COX-SERVICES, COX-NODEPORTS
//	        a rule per frontend -> COX-T-HASH (a kind of target) -> COX-P-HASH (a pool) -> COX-E-HASH (an endpoint: DNAT)
//	        POSTROUTING -> COX-POSTROUTING (masquerade what is marked)
//	filter  INPUT, FORWARD, OUTPUT -> COX-FILTER -> COX-UNSERVED (frontends that nobody took: reject or drop), COX-CLUSTERIPS
//
// A change is one run of iptables-restore --noflush per family: chains of the pools that changed are written anew, rules of frontends
// that changed are deleted and appended, all others are not mentioned. What the kernel has is listed once, when a process takes over from
// an older one, to find chains that nothing leads to any more.
package iptables
