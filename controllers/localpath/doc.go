// Package localpath provisions PersistentVolumes on the disks of the nodes, so that a claim works on a bare machine.
//
// A volume is a folder below the one that its node names for it, in an annotation of its Node. This package decides about
// volumes and never touches a disk; package folders runs on the node and touches nothing but its own folder:
//
//	claim, its node selected -> volume (here), bound by controllers/persistentvolume -> folder (made by the kubelet at first use)
//	claim gone, volume Released -> folder removed, status.reason says so (on the node) -> volume and finalizer removed (here)
//
// It reads claims, storage classes, Nodes and volumes. It writes volumes that it has provisioned, the annotation of a claim that names the
// node, when there is no place on that node, and events.
package localpath
