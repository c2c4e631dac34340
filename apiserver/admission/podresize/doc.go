// Package podresize refuses to resize a pod where its node could never do that: the node has less than the whole pod would ask for,
// or runs an operating system that resizes nothing. Without it, the kubelet would say so later.
//
// It reads Nodes. It changes nothing.
package podresize
