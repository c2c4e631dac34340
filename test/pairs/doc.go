// Package pairs runs golden pairs: a file of testdata with what goes in, and beside it one with what has to come out. A new case is two
// files and no Go; -update writes the second.
package pairs
