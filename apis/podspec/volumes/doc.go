// Package volumes knows the volumes of a pod, and the sources and claims of storage that PersistentVolumes have as well.
//
// It owns their defaults, what is wrong with them and of what a client is warned. It reads and writes only what it is given, and mounts nothing.
package volumes
