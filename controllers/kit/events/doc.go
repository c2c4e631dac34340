// Package events tells controllers of what happens to the objects of a kind. It reads a cache of controller-runtime and puts requests into
// queues by a handler, and writes nothing. It waits for caches and logs as controller-runtime's own source does, which it leaves that to; but
// for each event that makes a context for each controller, and a new pod is told to seven.
package events
