// Package inprocess calls an HTTP handler in memory: what runs in the process of the API server reaches it so.
//
// It owns the way of a request and of the answer, which streams, but for that of a write: a write runs on the goroutine that makes it and
// is answered whole (write.go). Who calls is in the request's context (auth), or one user for the whole Transport. It opens no socket, and
// it neither knows what the handler serves nor asks whether the caller may.
package inprocess
