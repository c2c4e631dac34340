// Package simulated is nodes that need no machine: for tests of what only looks at the API.
//
// It owns Node objects named simulated-1, simulated-2, … with their leases, and the status of the pods that are bound to them:
//
//	bound --> Running and Ready, with an address     restartPolicy Always
//	      --> Succeeded, or Failed by annotation     restartPolicy OnFailure or Never
//	deleted --> gone at once                         nothing has to be stopped
//
// It reads pods from a cache, and writes Nodes, Leases and the status of pods. It never runs a container: there are no
// logs, no exec and no probes, and nothing answers at the addresses of pods.
package simulated
