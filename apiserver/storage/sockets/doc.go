// Package sockets serves gRPC on a Unix socket from the first who calls. An embedded etcd member's clients call there: of most members that live
// for a test there are none, and what etcd prepares for them is a thirtieth of a start.
//
// It owns the socket. It never knows what is served.
package sockets
