// Package tainteviction deletes pods that do not tolerate a NoExecute taint of their
// node, or no longer.
//
// It reads Nodes and Pods, sets the condition DisruptionTarget on pods and deletes them.
package tainteviction
