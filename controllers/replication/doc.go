// Package replication keeps as many pods as a replica set or a replication controller
// asks for: the part that both have in common.
//
// It reads pods through the cache and writes pods and events. The status it computes is
// written by the controllers that use it.
package replication
