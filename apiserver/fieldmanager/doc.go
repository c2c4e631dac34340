// Package fieldmanager keeps metadata.managedFields and merges applied configurations, by structured-merge-diff.
//
// It reads and writes nothing but the objects it is handed. The schema of all types is parsed when it is first needed.
package fieldmanager
