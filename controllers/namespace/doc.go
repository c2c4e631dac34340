// Package namespace empties namespaces that are being deleted and then lets them go.
//
// It reads Namespaces, discovery and, of everything in a terminating namespace, the
// metadata. It deletes all of that, writes the namespace's conditions and, at the end,
// its spec.finalizers. Pods go first, so that none outlives what it leans on or what isolates it.
package namespace
