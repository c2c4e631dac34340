// Package foundation is what a cluster stands on before anybody has asked it for anything: the kinds that it serves, the objects that every
// cluster starts with (config/bootstrap, and an APIService for each API), and those that tell of this cluster's own addresses and authorities.
//
// It reads the watch cache and writes to the store what is missing, a new cluster in one transaction; what is behind it brings up to date as any
// client would. It never deletes, and leaves alone what its users changed or took away.
package foundation
