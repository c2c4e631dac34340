// Package garbagecollector deletes objects whose owners are gone.
//
// It watches the metadata of every kind that can be deleted, found by discovery and
// again whenever a CustomResourceDefinition or APIService changes, and keeps a graph of
// who owns whom (graph.go). It deletes objects, and changes nothing of them but
// ownerReferences and the two finalizers foregroundDeletion and orphan.
//
// The graph decides only what to look at. That an owner is absent is believed of the API
// server alone, never of a cache.
package garbagecollector
