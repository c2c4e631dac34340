// Package replicationcontroller keeps the pods of replication controllers.
//
// It reads ReplicationControllers and Pods, writes Pods, their ownerReferences,
// ReplicationController status and events. It never changes a controller's spec.
package replicationcontroller
