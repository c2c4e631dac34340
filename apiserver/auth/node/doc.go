// Package node decides what a kubelet may do: read what its own pods refer to, and look after its own node,
// lease and devices.
//
// It reads pods, claims, volumes and resource slices through an auth.Lister at each decision, so that it is never
// behind: whether a node may read an object is a look at the pods of that object's namespace. It keeps no
// graph, writes nothing and never denies: where it does not allow, it has no opinion and says why.
package node
