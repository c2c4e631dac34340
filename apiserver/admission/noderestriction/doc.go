// Package noderestriction keeps what a kubelet writes to its own node and its own pods, whichever path it writes by, and what
// the nodes' name servers write to the EndpointSlices that lead to them.
//
// It reads pods, nodes and what tokens are asked for. It changes nothing.
package noderestriction
