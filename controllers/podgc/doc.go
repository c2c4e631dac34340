// Package podgc removes pods that nobody else will: those of nodes that are gone, those
// deleted before they had a node, and the oldest finished ones when there are too many.
//
// It reads Pods and Nodes, sets phase Failed and the condition DisruptionTarget on
// orphaned pods, and deletes pods.
package podgc
