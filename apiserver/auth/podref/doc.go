// Package podref finds what a pod refers to: secrets, config maps, claims and the rest, in every place
// of a pod where a reference can stand. Who may read an object because of a pod, and which pods an
// account may run, both hang on it. It is a pure function of the pod.
package podref
