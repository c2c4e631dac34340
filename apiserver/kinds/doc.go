// Package kinds is what a server serves at the moment: each row with its place in the watch cache, in each of its versions.
//
// It owns the set of them, which is replaced as a whole when rows come and go (Served), and the ways of an object between the store, the
// versions that clients speak and the watch cache (Endpoint). It reads the watch cache, and never the store; it decides nothing about a request.
package kinds
