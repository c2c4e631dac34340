// Package persistentvolume binds PersistentVolumeClaims to PersistentVolumes, one to one, and says what becomes of a
// volume when its claim is gone.
//
// Two reconcilers share the work. Claims finds the volume for a claim, or asks the provisioner of its storage class for
// one, and binds them; it is the only one that starts a binding, and one claim is looked at at a time, so no volume is
// given away twice. Volumes keeps the phase of a volume, and releases and reclaims it.
//
//	claim  Pending --volume found or provisioned--> Bound --volume gone--> Lost
//	volume Available --claim binds it--> Bound --claim gone--> Released --Delete--> gone, or Failed
//	                                                             \--Retain--> stays
//
// It writes claimRef of volumes, volumeName and the annotations of the binding of claims, the status of both, and events. Of pods
// that empty volumes it says what others say of them, while they are at work.
// It provisions no storage, and what provisions a volume deletes it, too. Only volumes of hostPath below /tmp it deletes itself, with what
// is in them on the machine that it runs on.
package persistentvolume
