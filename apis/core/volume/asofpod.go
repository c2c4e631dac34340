package volume

import corev1 "k8s.io/api/core/v1"

// asOfPod is the source of a volume as a pod would name it, for what is checked alike; empty for one of another kind.
func asOfPod(s *corev1.PersistentVolumeSource) *corev1.VolumeSource {
	v := &corev1.VolumeSource{
		GCEPersistentDisk: s.GCEPersistentDisk, AWSElasticBlockStore: s.AWSElasticBlockStore, Quobyte: s.Quobyte, FC: s.FC, Flocker: s.Flocker,
		VsphereVolume: s.VsphereVolume, AzureDisk: s.AzureDisk, PhotonPersistentDisk: s.PhotonPersistentDisk, PortworxVolume: s.PortworxVolume,
	}
	switch {
	case s.Glusterfs != nil:
		v.Glusterfs = &corev1.GlusterfsVolumeSource{EndpointsName: s.Glusterfs.EndpointsName, Path: s.Glusterfs.Path}
	case s.RBD != nil:
		v.RBD = &corev1.RBDVolumeSource{CephMonitors: s.RBD.CephMonitors, RBDImage: s.RBD.RBDImage}
	case s.CephFS != nil:
		v.CephFS = &corev1.CephFSVolumeSource{Monitors: s.CephFS.Monitors}
	case s.Cinder != nil:
		v.Cinder = &corev1.CinderVolumeSource{VolumeID: s.Cinder.VolumeID}
	case s.FlexVolume != nil:
		v.FlexVolume = &corev1.FlexVolumeSource{Driver: s.FlexVolume.Driver, Options: s.FlexVolume.Options}
	case s.AzureFile != nil:
		v.AzureFile = &corev1.AzureFileVolumeSource{SecretName: s.AzureFile.SecretName, ShareName: s.AzureFile.ShareName}
	case s.ScaleIO != nil:
		v.ScaleIO = &corev1.ScaleIOVolumeSource{Gateway: s.ScaleIO.Gateway, System: s.ScaleIO.System, VolumeName: s.ScaleIO.VolumeName}
	case s.StorageOS != nil:
		v.StorageOS = &corev1.StorageOSVolumeSource{VolumeName: s.StorageOS.VolumeName, VolumeNamespace: s.StorageOS.VolumeNamespace}
	}
	return v
}
