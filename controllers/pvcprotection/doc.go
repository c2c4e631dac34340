// Package pvcprotection keeps PersistentVolumeClaims that a pod uses from going away, by
// a finalizer. It reads PersistentVolumeClaims and Pods and writes the claims' finalizers.
package pvcprotection
