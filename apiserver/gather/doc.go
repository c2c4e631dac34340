// Package gather has HTTP/2 connections send together what is ready together.
//
// net/http writes each frame, or 4 KiB of small ones, in a TLS record of its own: an event for fifty watchers of one
// connection is a dozen records and as many system calls here, and again at the client. A Conn takes frames into memory,
// lets whatever can run at that moment add its own, and sends them all in records as large as they may be. Nothing waits
// for a timer: what is ready alone is sent alone. A Listener makes connections on which several records leave in one system
// call.
//
// The other way, window updates that are there at the same time are added up before net/http sees them (reading): a client sends two
// for each 8 KiB of an answer, and its next request waits behind them.
//
// What is in memory counts as answered for net/http: whoever shuts a server down asks its Conns to finish before it closes them.
//
// It owns the connections of the server and the bytes that wait in them, at most maxWaiting each. It never looks into
// what it sends, and of what it reads at the heads of frames alone.
package gather
