// Package state holds what the scheduler knows of the cluster: its nodes, and the pods that each one carries,
// those among them that the scheduler has placed but whose binding is not confirmed yet (assumed pods).
//
// State is kept up to date by events. Snapshot gives one scheduling cycle a view that does not move; taking it
// copies only the nodes that changed since the last one. Package state reads no API and writes nothing.
package state
