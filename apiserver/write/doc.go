// Package write has the verbs that change something, a file each: create, update, patch (and apply), delete, deletecollection.
//
// It owns the way of a change: fields and their managers (managed.go), admission (admit.go), preparation and validation (prepare.go), the
// transaction, and the attempts when others write at the same time (change.go). It reads objects by read and writes to the store; rules of a resource are in its row and its hooks.
package write
