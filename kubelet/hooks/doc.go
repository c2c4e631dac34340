// Package hooks runs the postStart and preStop handlers of containers: a command in the container, a request to it, or a pause. It
// says how a handler ended; what follows from that is its caller's.
package hooks
