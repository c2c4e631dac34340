package volumes

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec/downward"
	"github.com/coxswain-k8s/coxswain/apis/podspec/imageref"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// The bits of files in volumes made of API objects, unless a volume says otherwise.
const defaultFileMode int32 = 0o644

// Default completes a volume.
func Default(v *corev1.Volume) {
	source := &v.VolumeSource
	if *source == (corev1.VolumeSource{}) {
		source.EmptyDir = &corev1.EmptyDirVolumeSource{}
	}
	switch {
	case source.Secret != nil:
		resource.SetPtr(&source.Secret.DefaultMode, defaultFileMode)
	case source.ConfigMap != nil:
		resource.SetPtr(&source.ConfigMap.DefaultMode, defaultFileMode)
	case source.DownwardAPI != nil:
		resource.SetPtr(&source.DownwardAPI.DefaultMode, defaultFileMode)
		defaultDownwardItems(source.DownwardAPI.Items)
	case source.Projected != nil:
		defaultProjected(source.Projected)
	case source.Ephemeral != nil:
		if template := source.Ephemeral.VolumeClaimTemplate; template != nil {
			DefaultClaimSpec(&template.Spec)
		}
	case source.Image != nil:
		if source.Image.PullPolicy == "" {
			source.Image.PullPolicy = imageref.PullPolicy(source.Image.Reference)
		}
	case source.HostPath != nil:
		DefaultHostPath(source.HostPath)
	case source.ISCSI != nil:
		resource.SetZero(&source.ISCSI.ISCSIInterface, "default")
	case source.AzureDisk != nil:
		DefaultAzureDisk(source.AzureDisk)
	case source.RBD != nil:
		resource.SetZero(&source.RBD.RBDPool, "rbd")
		resource.SetZero(&source.RBD.RadosUser, "admin")
		resource.SetZero(&source.RBD.Keyring, "/etc/ceph/keyring")
	case source.ScaleIO != nil:
		resource.SetZero(&source.ScaleIO.StorageMode, "ThinProvisioned")
		resource.SetZero(&source.ScaleIO.FSType, "xfs")
	}
}

func defaultProjected(p *corev1.ProjectedVolumeSource) {
	resource.SetPtr(&p.DefaultMode, defaultFileMode)
	for i := range p.Sources {
		source := &p.Sources[i]
		if source.DownwardAPI != nil {
			defaultDownwardItems(source.DownwardAPI.Items)
		}
		if source.ServiceAccountToken != nil {
			resource.SetPtr(&source.ServiceAccountToken.ExpirationSeconds, 60*60)
		}
		if source.PodCertificate != nil {
			resource.SetPtr(&source.PodCertificate.MaxExpirationSeconds, 24*60*60)
		}
	}
}

func defaultDownwardItems(items []corev1.DownwardAPIVolumeFile) {
	for i := range items {
		downward.DefaultField(items[i].FieldRef)
	}
}

// DefaultHostPath fills in the type of a host path: unchecked.
func DefaultHostPath(source *corev1.HostPathVolumeSource) {
	resource.SetPtr(&source.Type, corev1.HostPathUnset)
}

// DefaultAzureDisk fills in how a disk is attached.
func DefaultAzureDisk(source *corev1.AzureDiskVolumeSource) {
	resource.SetPtr(&source.CachingMode, corev1.AzureDataDiskCachingReadWrite)
	resource.SetPtr(&source.Kind, corev1.AzureSharedBlobDisk)
	resource.SetPtr(&source.FSType, "ext4")
	resource.SetPtr(&source.ReadOnly, false)
}

// DefaultClaimSpec fills in the defaults of a claim, here and in the templates of claims.
func DefaultClaimSpec(spec *corev1.PersistentVolumeClaimSpec) {
	if spec.VolumeMode == nil {
		spec.VolumeMode = ptr.To(corev1.PersistentVolumeFilesystem)
	}
	resources.RoundUp(spec.Resources.Limits)
	resources.RoundUp(spec.Resources.Requests)
}
