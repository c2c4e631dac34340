// Package datadir knows what several programs look for in a data folder: the lock that keeps a second server out, and the programs that the
// executable carries.
//
// It owns the file lock. It never looks at what a server keeps there.
package datadir
