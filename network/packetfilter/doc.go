// Package packetfilter holds the pod network's rules in the kernel's nf_tables: masquerading of what pods send out of the cluster,
// and host ports.
//
// It owns the tables coxswain-masquerade and coxswain-hostports of the families ip and ip6, and touches nothing else. The service
// proxy has tables of its own. Isolation of pods is in tables coxswain-policy. Where the machine has iptables, its chain FORWARD gets two
// rules that let pods' packets pass. It reads nothing back; every function is one transaction and may be repeated.
package packetfilter
