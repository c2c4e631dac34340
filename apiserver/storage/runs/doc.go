// Package runs keeps long lists of encodings that are asked for again after a few of their items have changed.
//
// It owns how such a list is divided into runs of neighbours, of which a new list shares those in which nothing changed with the one before,
// and what was made of them, as their compressed form. It knows nothing of what is listed but its keys, and reads and writes nothing.
package runs
