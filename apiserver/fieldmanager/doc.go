// Package fieldmanager keeps metadata.managedFields and merges applied configurations.
//
// Who owns what after a create, an update or a patch is computed from the typed objects themselves: package merge finds by a plan of
// the type which fields the writer set and which it removed, and package paths holds such sets in the spelling of FieldsV1. Here they
// move between the managers of an object (managers.go, entries.go). What comes out is what structured-merge-diff writes, byte for byte.
// The managed fields of an object without a Go type are read and written as the maps that they are (trees.go).
//
// An applied configuration is merged into a copy of the object by the same plan (apply.go); what is not applied any more goes, and
// what others own is a conflict (conflict.go).
//
// Objects whose managers speak several versions, the few types that no plan can be made for, and configurations that are odd or wrong go
// through structured-merge-diff, whose schema is made for each kind when it is first needed, and which words the errors.
//
// It reads and writes nothing but the objects it is handed.
package fieldmanager
