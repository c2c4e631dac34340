// Package metrics is what the API server tells Prometheus of itself, by upstream's names and labels. It owns the registry; it
// reads what the parts of the server observe, writes nothing, and never has a label whose values clients can choose freely.
package metrics
