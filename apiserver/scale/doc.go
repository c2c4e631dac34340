// Package scale serves the replicas of an object as an object of its own, a Scale: read, updated, patched and applied.
//
// It owns the translation between the two, in both directions: values, managers of fields, tables and what admission sees. What is
// read and written is the object behind, by the ways of read and write.
package scale
