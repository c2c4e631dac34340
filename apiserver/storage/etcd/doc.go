// Package etcd is storage.Store on etcd. Embed runs a member inside the process and calls it directly, without
// gRPC and, unless asked, without any listener; Connect uses a member elsewhere over TLS. Both are the same
// store (Commit, Get, Range, leases) over a narrow backend, so that they cannot differ.
//
// It owns the data folder that it is given, reads and writes keys, and never looks into values. It neither
// compacts nor defragments by itself: the API server decides when.
package etcd
