// Package volume puts the volumes of this node's pods on the node's file system and takes them away again.
//
// It owns RootDir/pods/<uid>/volumes, RootDir/pods/<uid>/volume-subpaths and the mounts below them. It reads
// ConfigMaps, Secrets, PersistentVolumeClaims, PersistentVolumes and ClusterTrustBundles, and asks the API
// server for service account tokens. It writes no API object, starts no container and never follows a symbolic
// link that a container could have made.
//
// What users see on disk is upstream's layout:
//
//	RootDir/pods/<uid>/volumes/kubernetes.io~configmap/<name>/..data -> ..2026_01_02_15_04_05.123456789
//	                                                         /<key>  -> ..data/<key>
//
// An update writes a new timestamped folder and renames one symbolic link, so a reader sees all of the old
// content or all of the new.
package volume
