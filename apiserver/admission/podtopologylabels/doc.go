// Package podtopologylabels copies the topology labels of a node to the pods that are bound to it.
//
// It reads nodes. It changes bindings and pods.
package podtopologylabels
