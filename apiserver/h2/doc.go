// Package h2 serves HTTP/2 (RFC 9113) on connections that net/http has accepted and shaken hands with.
//
// net/http's own server takes two hops between goroutines for each write of a handler and a record of TLS for each frame. Here a handler
// puts its frames into the memory of the connection itself, and whoever comes first sends what all have put there, in records as large
// as they may be and one system call:
//
//	client --> conn.read, one goroutine --> crew, a goroutine for each request --> out, in memory --> flush --> wire
//
// A handler that flushes lets whoever can run at that moment add its own first, so that fifty watches of one connection that have an event
// at the same moment leave as one piece. Nothing waits for a timer: what is ready alone is sent alone. The system call does not wait
// either; what the kernel does not take is sent by a goroutine that is there as long as the client is slow (flush.go).
//
// Answers that last may be served by one goroutine for all of a connection (Outlet).
//
// Frames are read and headers packed by golang.org/x/net/http2 and its hpack; streams, flow control and the order of writes are ours.
//
// It owns the connections of a Server, their streams and the goroutines that run handlers. Bounds: what waits for a client (maxWaiting, and
// for frames that answer its own maxControl), bodies that wait for handlers (windows), streams (http.HTTP2Config.MaxConcurrentStreams), the
// handlers of streams that were taken back, headers (http.Server.MaxHeaderBytes), and the time that a client may take nothing (patience). Of
// http.Server it obeys Handler, IdleTimeout, MaxHeaderBytes, ErrorLog and HTTP2.MaxConcurrentStreams. It never pushes, tells ConnState
// nothing but what net/http does itself, takes priorities as read and leaves HTTP/1.1 alone.
package h2
