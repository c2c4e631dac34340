// Package deletion knows how an object goes: at once, after its grace period, or when the last lets go of it.
//
// It owns what a deletion writes into an object (the time, the grace period, the finalizers of the garbage collector), and what it may be bound to.
// It reads the row and the hooks of the kind, writes to the object that it is handed, and never looks into the store.
package deletion
