// Package queue holds the pods that wait for a node: those to be tried now (active), those that have to wait a while
// after a failure (backing off), those that wait for something in the cluster to change (unschedulable), and those
// that a scheduling gate holds back (gated).
//
// It owns the order and the waiting, and decides by the queueing hints of plugins which pods an event may help. It
// reads no API and writes nothing.
package queue
