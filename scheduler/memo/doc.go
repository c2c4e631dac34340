// Package memo remembers what the local plugins, those whose answer depends on the node and on what the pod asks of it alone, have said of
// nodes, for the next pod that asks the same of them.
//
// It owns what is remembered, and forgets it when a node changes. It asks no plugin itself.
package memo
