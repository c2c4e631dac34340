// Package statefulset keeps the pods of a StatefulSet, each with its own name, order and
// volumes.
//
// It reads StatefulSets, Pods, PersistentVolumeClaims and ControllerRevisions, writes
// Pods, PersistentVolumeClaims, ControllerRevisions, StatefulSet status and events.
//
// plan.go says what to do next, identity.go what pod and claims an ordinal has.
package statefulset
