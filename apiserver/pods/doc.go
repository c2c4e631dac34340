// Package pods knows what binding and evicting do to objects.
//
// It owns when a pod can be put on a node and what then changes in it, which disruption budget a pod falls under, and
// when that has a disruption left. Everything here is a pure function of the objects that it is given: apiserver reads,
// admits and stores them.
package pods
