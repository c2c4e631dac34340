// Package apiserver serves the rows of apis: the table of contents of a request.
//
// It owns the server's inputs and its routes, and the tables that say what answers: verbs (call.go), subresources (subresource.go), hooks of
// single resources (hooks.go), and what is never stored (virtual.go). What stands below is a package each: kinds, call, answer, read, write and
// those of docs/apiserver.md. A request is understood (request), filtered (filters), decoded and defaulted (call), admitted, validated and
// committed (write), or read from the watch cache (read), and answered (answer).
// It never knows a resource's rules by name: those are in the rows. Where a resource wants more than a row can say
// (addresses of Services, the end of a Namespace), it is one entry in hooks.go.
package apiserver
