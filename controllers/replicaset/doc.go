// Package replicaset keeps the pods of replica sets.
//
// It reads ReplicaSets and Pods, writes Pods, their ownerReferences, ReplicaSet status
// and events. It never changes a replica set's spec.
package replicaset
