// Package resource holds the vocabulary in which every API resource is described: a Resource says what
// a resource is (names, scope, storage key, versions, defaulting, validation, columns, selectable
// fields, subresources), and nothing about how it is served. One value of it is one row of the API.
//
// It reads and writes nothing and holds no state. The folders beside it (core, apps, …) fill in the
// rows, apis/scheme.go lists them, and the API server serves them.
package resource
