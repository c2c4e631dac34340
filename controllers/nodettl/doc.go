// Package nodettl says on each node how long its kubelet may keep secrets and config maps before it reads them again, by
// the size of the cluster.
//
// It reads nodes and writes their annotation node.alpha.kubernetes.io/ttl, nothing else.
package nodettl
