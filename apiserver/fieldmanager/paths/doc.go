// Package paths holds sets of paths to fields, as metadata.managedFields tells who owns which.
//
// A set is a tree of path elements in the very spelling that they have in FieldsV1, so that reading and writing it costs little more than
// copying. Sets are ordered, joined and parted as those of structured-merge-diff are, and are spelled as it spells them, byte for byte;
// what somebody has spelled in another way is brought into that shape when it is read.
//
// It knows nothing of objects and their types, nor of who owns a set.
package paths
