// Package pvprotection keeps PersistentVolumes that are bound from going away, by a
// finalizer. It reads PersistentVolumes and writes their finalizers.
package pvprotection
