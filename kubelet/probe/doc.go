// Package probe asks running containers whether they have started, live and are ready.
//
// All probes of the node share one timer: a heap ordered by when each is due. A probe that is due runs in a
// goroutine of its own for as long as it takes; between probes there is neither goroutine nor timer per container.
//
// It reads nothing but the answers of the containers (HTTP, TCP, gRPC, or a command run by the runtime). It writes
// nothing: verdicts are kept in memory, Changed says that one changed, Warn carries the text of a failure.
// It never stops a container; the pod worker does, when Failed says so.
package probe
