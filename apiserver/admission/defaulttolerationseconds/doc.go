// Package defaulttolerationseconds lets pods stay for five minutes on a node that is not ready or not reachable.
//
// It reads nothing but the pod at hand, which it changes.
package defaulttolerationseconds
