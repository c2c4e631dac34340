// Package hand deals queues to flows.
//
// It owns which queues a flow may wait in, for as long as the process lasts. It reads and writes nothing, and never looks at how long a queue is.
package hand
