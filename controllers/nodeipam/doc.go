// Package nodeipam gives each Node its share of the pod network.
//
// It reads Nodes and writes their spec.podCIDR and spec.podCIDRs, once: a node keeps its
// share for life.
package nodeipam
