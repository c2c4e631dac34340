// Package connect knows how a request gets to a pod, a service or a node.
//
// It owns what a client's path and query mean (which container, which port, which log lines), which addresses may be
// dialled, and the forwarding of streams and plain requests. Objects are handed to it: it reads and writes nothing of the
// cluster, and it asks nobody whether the caller may.
package connect
