// Package event describes Events of the core API group: what happened to an object.
//
// It owns their row: fields to select by, columns and validation. It reads and writes nothing; see package resource for what a row means.
package event
