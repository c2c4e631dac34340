// Package node describes Nodes: their row, defaulting, validation, warnings and columns. It reads and writes nothing.
package node
