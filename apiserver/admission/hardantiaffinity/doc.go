// Package hardantiaffinity refuses pods that keep others away from more than a node: with one of them, nobody else could run in a
// whole zone.
//
// It reads the object at hand. It changes nothing.
package hardantiaffinity
