// Package pods binds and evicts pods.
//
// It owns when a pod can be put on a node and what then changes in it, which disruption budget a pod falls under, and when
// that has a disruption left: pure functions of the objects that they are given (binding.go, eviction.go). The requests that ask
// for it (bind.go, evict.go) read and write by the ways of read and write.
package pods
