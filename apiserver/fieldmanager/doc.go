// Package fieldmanager keeps metadata.managedFields and merges applied configurations.
//
// Who owns what after a create, an update or a patch is computed from the typed objects themselves: a plan, compiled when a
// type is first written, walks the old and the new object side by side and yields the set of fields that the writer set and the
// set of those that it removed. How lists and maps are merged stands in markers.txt, which hack/openapi makes of the Go
// types' comments. Sets are trees of path elements in the very spelling that they have in FieldsV1, so that reading and writing
// managedFields costs little more than copying. What comes out is what structured-merge-diff writes, byte for byte.
//
// Apply, objects whose managers speak several versions, and the few types that no plan can be made for go through
// structured-merge-diff, whose schema is made for each kind when it is first needed.
//
// It reads and writes nothing but the objects it is handed.
package fieldmanager
