// Package audit records who asked for what, and how it was answered: the audit log of the API server.
//
// A Policy (audit.k8s.io/v1, upstream's file format) says of each request how much is recorded and at which stages. A Log
// follows each request that it names, from its arrival to the end of its answer, and hands an Event per stage to its Sink:
// a file of JSON lines, or a webhook. It never changes a request, and refuses none.
package audit
