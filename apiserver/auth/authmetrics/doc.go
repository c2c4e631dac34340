// Package authmetrics counts what authentication and authorization do, by upstream's names.
//
// It owns the collectors and wraps authenticators and authorizers in observers. It reads the outcome of requests and
// writes nothing but its own numbers; no label takes a value that a client can choose freely.
package authmetrics
