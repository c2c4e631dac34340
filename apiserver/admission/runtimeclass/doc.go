// Package runtimeclass adds the overhead and the scheduling constraints of a pod's RuntimeClass.
//
// It reads runtime classes. It changes pods at their creation.
package runtimeclass
