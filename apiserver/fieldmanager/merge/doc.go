// Package merge compares and merges the objects of a kind field by field.
//
// A plan, compiled when a type is first written (plan.go), walks the old and the new object side by side and yields the set of fields
// that differ and the set of those that are gone (diff.go, lists.go). How lists and maps are merged stands in markers.txt, which the
// generator hack/openapi makes of the Go types' comments. A kind without a Go type, a custom resource, has a plan made of its structural schema
// (structural.go, untyped.go).
//
// An applied configuration is written into an object along the same plan (merge.go, assign.go), and what is not applied any more goes
// (prune.go). What comes out is what structured-merge-diff makes of it; what a plan cannot be sure to do as that does, it refuses with
// ErrNoPlan.
//
// It does not know who owns a field, and changes nothing but the object that it is told to merge into.
package merge
