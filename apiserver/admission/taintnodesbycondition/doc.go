// Package taintnodesbycondition creates nodes tainted as not ready, so that nothing is scheduled before they are.
//
// It reads nothing but the node at hand, which it changes.
package taintnodesbycondition
