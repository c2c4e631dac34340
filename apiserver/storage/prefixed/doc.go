// Package prefixed shows a part of a store as a whole one, so that several clusters can share an etcd.
//
// It owns how keys are called inside and outside. It reads and writes the store that it is handed, below the prefix only, and never looks into values.
package prefixed
