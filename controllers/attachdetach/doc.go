// Package attachdetach has volumes of storage drivers attached to the nodes whose pods use them, and detached from those
// whose pods no longer do.
//
// It asks by VolumeAttachments, which the driver's external attacher carries out and finalizes; what is to be done is computed from them
// and the pods alone, so that a restart forgets nothing but since when a volume waits. It tells the kubelet in status.volumesAttached of
// the node what is attached, and takes a volume off that list before it takes it away. A volume that the kubelet lists in
// status.volumesInUse stays, unless the node has been unhealthy for six minutes or is declared out of service.
//
// It reads Pods, claims, volumes, CSIDrivers, Nodes and VolumeAttachments; it writes VolumeAttachments, status.volumesAttached of Nodes and
// events of Pods. It never touches an attachment whose name is not the one that it would give, nor one of a node whose kubelet
// attaches by itself.
package attachdetach
