// Package leases has keys that vanish at about the same time share a lease.
//
// It owns which lease is in use for which time. It has leases granted by whom it is handed, writes nothing, and never lets a key live shorter than it was to.
package leases
