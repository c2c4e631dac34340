// Package storagetest is the behaviour suite of storage.Store: what every implementation must do, run by the
// tests of each. It reads and writes the store that it is given, below storage.Root, and nothing else.
package storagetest
