// Package fieldmanager keeps metadata.managedFields and merges applied configurations.
//
// Who owns what after a create, an update or a patch is computed from the typed objects themselves: a plan, compiled when a
// type is first written, walks the old and the new object side by side and yields the set of fields that the writer set and the
// set of those that it removed. How lists and maps are merged stands in markers.txt, which hack/openapi makes of the Go
// types' comments. Sets are trees of path elements in the very spelling that they have in FieldsV1, so that reading and writing
// managedFields costs little more than copying. What comes out is what structured-merge-diff writes, byte for byte.
//
// A kind without a Go type, a custom resource, has a plan made of its structural schema (untyped.go), and its managed fields are read and
// written as the maps that they are (trees.go).
//
// An applied configuration is written into a copy of the object along the same plan (merge.go), which tells what of it is owned and
// what became otherwise; what is not applied any more goes (prune.go), and what others own is a conflict (conflict.go).
//
// Objects whose managers speak several versions, the few types that no plan can be made for, and configurations that are odd or wrong go
// through structured-merge-diff, whose schema is made for each kind when it is first needed, and which words the errors.
//
// It reads and writes nothing but the objects it is handed.
package fieldmanager
