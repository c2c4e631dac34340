// Package election has one server of many lead: what only one may do is done by whoever holds a Lease of kube-system.
//
// It owns that Lease, and events of it that say who became leader, and reads nothing else. It runs what is to be led again and again: for as long as the lease is held, and never
// before what was led last time has ended. It gives the lease up only when what it led has ended, so that nobody waits and no two
// lead at a time. That a lease is lost ends no process.
package election
