package volumes

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// ValidateStorage checks one source below path that comes from storage outside of the cluster. There is nothing to say of other names.
func ValidateStorage(v *corev1.VolumeSource, name string, path *field.Path) field.ErrorList {
	for _, source := range storageSources(v) {
		if source.present && source.name == name {
			return source.check(path.Child(name))
		}
	}
	return nil
}

// storageSources are volumes that come from storage outside of the cluster.
func storageSources(v *corev1.VolumeSource) []sourceCheck {
	return []sourceCheck{
		{"nfs", v.NFS != nil, func(at *field.Path) field.ErrorList { return ValidateNFS(v.NFS, at) }},
		{"iscsi", v.ISCSI != nil, func(at *field.Path) field.ErrorList {
			return validateISCSI(v.ISCSI, at)
		}},
		{"glusterfs", v.Glusterfs != nil, func(at *field.Path) field.ErrorList {
			return append(required(at.Child("endpoints"), v.Glusterfs.EndpointsName), required(at.Child("path"), v.Glusterfs.Path)...)
		}},
		{"flocker", v.Flocker != nil, func(at *field.Path) field.ErrorList { return validateFlocker(v.Flocker, at) }},
		{"rbd", v.RBD != nil, func(at *field.Path) field.ErrorList {
			var errs field.ErrorList
			if len(v.RBD.CephMonitors) == 0 {
				errs = append(errs, field.Required(at.Child("monitors"), ""))
			}
			return append(errs, required(at.Child("image"), v.RBD.RBDImage)...)
		}},
		{"cephfs", v.CephFS != nil, func(at *field.Path) field.ErrorList {
			if len(v.CephFS.Monitors) == 0 {
				return field.ErrorList{field.Required(at.Child("monitors"), "")}
			}
			return nil
		}},
		{"cinder", v.Cinder != nil, func(at *field.Path) field.ErrorList { return validateCinder(v.Cinder, at) }},
		{"quobyte", v.Quobyte != nil, func(at *field.Path) field.ErrorList {
			return validateQuobyte(v.Quobyte, at)
		}},
		{"fc", v.FC != nil, func(at *field.Path) field.ErrorList { return validateFC(v.FC, at) }},
		{"flexVolume", v.FlexVolume != nil, func(at *field.Path) field.ErrorList {
			return append(required(at.Child("driver"), v.FlexVolume.Driver), validateOptions(v.FlexVolume.Options, at.Child("options"))...)
		}},
		{"azureFile", v.AzureFile != nil, func(at *field.Path) field.ErrorList {
			return append(required(at.Child("secretName"), v.AzureFile.SecretName), required(at.Child("shareName"), v.AzureFile.ShareName)...)
		}},
		{"azureDisk", v.AzureDisk != nil, func(at *field.Path) field.ErrorList {
			return validateAzureDisk(v.AzureDisk, at)
		}},
		{"vsphereVolume", v.VsphereVolume != nil, func(at *field.Path) field.ErrorList {
			return required(at.Child("volumePath"), v.VsphereVolume.VolumePath)
		}},
		{"photonPersistentDisk", v.PhotonPersistentDisk != nil, func(at *field.Path) field.ErrorList {
			return required(at.Child("pdID"), v.PhotonPersistentDisk.PdID)
		}},
		{"portworxVolume", v.PortworxVolume != nil, func(at *field.Path) field.ErrorList {
			return required(at.Child("volumeID"), v.PortworxVolume.VolumeID)
		}},
		{"scaleIO", v.ScaleIO != nil, func(at *field.Path) field.ErrorList {
			errs := append(required(at.Child("gateway"), v.ScaleIO.Gateway), required(at.Child("system"), v.ScaleIO.System)...)
			return append(errs, required(at.Child("volumeName"), v.ScaleIO.VolumeName)...)
		}},
		{"storageos", v.StorageOS != nil, func(at *field.Path) field.ErrorList {
			return validateStorageOS(v.StorageOS, at)
		}},
		{"persistentDisk", v.GCEPersistentDisk != nil, func(at *field.Path) field.ErrorList {
			errs := required(at.Child("pdName"), v.GCEPersistentDisk.PDName)
			return append(errs, validatePartition(v.GCEPersistentDisk.Partition, at.Child("partition"))...)
		}},
		{"awsElasticBlockStore", v.AWSElasticBlockStore != nil, func(at *field.Path) field.ErrorList {
			errs := required(at.Child("volumeID"), v.AWSElasticBlockStore.VolumeID)
			return append(errs, validatePartition(v.AWSElasticBlockStore.Partition, at.Child("partition"))...)
		}},
	}
}

// The forms of the addresses of Azure's two kinds of disks.
const (
	blobForm    = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
	managedForm = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
)

func validateAzureDisk(disk *corev1.AzureDiskVolumeSource, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("diskName"), disk.DiskName), required(path.Child("diskURI"), disk.DataDiskURI)...)
	modes, kinds := []corev1.AzureDataDiskCachingMode{corev1.AzureDataDiskCachingNone, corev1.AzureDataDiskCachingReadOnly, corev1.AzureDataDiskCachingReadWrite},
		[]corev1.AzureDataDiskKind{corev1.AzureSharedBlobDisk, corev1.AzureDedicatedBlobDisk, corev1.AzureManagedDisk}
	if mode := disk.CachingMode; mode != nil {
		errs = append(errs, check.OneOf(path.Child("cachingMode"), *mode, modes...)...)
	}
	if disk.Kind == nil {
		return errs
	}
	errs = append(errs, check.OneOf(path.Child("kind"), *disk.Kind, kinds...)...)
	managed := *disk.Kind == corev1.AzureManagedDisk
	switch {
	case managed && !strings.HasPrefix(disk.DataDiskURI, "/subscriptions/"):
		errs = append(errs, field.NotSupported(path.Child("diskURI"), disk.DataDiskURI, []string{managedForm}))
	case !managed && !strings.HasPrefix(disk.DataDiskURI, "https://"):
		errs = append(errs, field.NotSupported(path.Child("diskURI"), disk.DataDiskURI, []string{blobForm}))
	}
	return errs
}

// ValidateNFS checks a directory of a file server.
func ValidateNFS(source *corev1.NFSVolumeSource, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("server"), source.Server), required(path.Child("path"), source.Path)...)
	if !strings.HasPrefix(source.Path, "/") {
		errs = append(errs, field.Invalid(path.Child("path"), source.Path, "must be an absolute path"))
	}
	return errs
}

const (
	iqnPattern = `^iqn\.\d{4}-\d{2}\.([[:alnum:]-.]+)(:[^,;*&$|\s]+)$`
	euiPattern = `^eui.[[:alnum:]]{16}$`
	naaPattern = `^naa.[[:alnum:]]{32}$`
	maxLun     = 255
)

// ValidateISCSI checks a disk of a storage network; unknownForm is said of a name of no known form.
func ValidateISCSI(portal, iqn string, lun int32, unknownForm string, path *field.Path) field.ErrorList {
	errs := required(path.Child("targetPortal"), portal)
	if at := path.Child("iqn"); iqn == "" {
		errs = append(errs, field.Required(at, ""))
	} else {
		errs = append(errs, ValidateISCSIName(iqn, unknownForm, at)...)
	}
	if lun < 0 || lun > maxLun {
		errs = append(errs, field.Invalid(path.Child("lun"), lun, validation.InclusiveRangeError(0, maxLun)))
	}
	return errs
}

// ValidateISCSIName checks the name of a disk, or of who uses it, in a storage network.
func ValidateISCSIName(name, unknownForm string, path *field.Path) field.ErrorList {
	for prefix, pattern := range map[string]string{"iqn": iqnPattern, "eui": euiPattern, "naa": naaPattern} {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if !regexp.MustCompile(pattern).MatchString(name) {
			return field.ErrorList{field.Invalid(path, name, "must be valid format")}
		}
		return nil
	}
	return field.ErrorList{field.Invalid(path, name, unknownForm)}
}

// ValidateClaimSpec checks what a claim asks for.
func ValidateClaimSpec(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	modes := path.Child("accessModes")
	if len(spec.AccessModes) == 0 {
		errs = append(errs, field.Required(modes, "at least 1 access mode is required"))
	}
	if spec.Selector != nil {
		errs = append(errs, check.Selector(path.Child("selector"), spec.Selector)...)
	}
	errs = append(errs, ValidateAccessModes(spec.AccessModes, modes)...)
	storage, ok := spec.Resources.Requests[corev1.ResourceStorage]
	at := path.Child("resources").Key(string(corev1.ResourceStorage))
	switch {
	case !ok:
		errs = append(errs, field.Required(at, ""))
	case storage.Sign() <= 0:
		errs = append(errs, field.Invalid(at, storage.String(), "must be greater than zero"))
	}
	if class := spec.StorageClassName; class != nil && *class != "" {
		errs = append(errs, check.Subdomain(path.Child("storageClassName"), *class)...)
	}
	if mode := spec.VolumeMode; mode != nil {
		errs = append(errs, check.OneOf(path.Child("volumeMode"), *mode, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	}
	if class := spec.VolumeAttributesClassName; class != nil && *class != "" {
		errs = append(errs, check.Subdomain(path.Child("volumeAttributesClassName"), *class)...)
	}
	return append(errs, validateDataSources(spec, path)...)
}

// ValidateAccessModes checks how a volume may be used.
func ValidateAccessModes(modes []corev1.PersistentVolumeAccessMode, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	alone, others := false, false
	for _, mode := range modes {
		errs = append(errs, check.OneOf(path, mode, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)...)
		alone = alone || mode == corev1.ReadWriteOncePod
		others = others || mode != corev1.ReadWriteOncePod
	}
	if alone && others {
		errs = append(errs, field.Forbidden(path, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

func validateDataSources(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	group := func(g *string) string {
		if g == nil {
			return ""
		}
		return *g
	}
	if s := spec.DataSource; s != nil {
		errs = append(errs, validateDataSource(group(s.APIGroup), s.Kind, s.Name, path.Child("dataSource"))...)
	}
	if s := spec.DataSourceRef; s != nil {
		errs = append(errs, validateDataSource(group(s.APIGroup), s.Kind, s.Name, path.Child("dataSourceRef"))...)
	}
	if a, b := spec.DataSource, spec.DataSourceRef; a != nil && b != nil && b.Namespace == nil {
		if group(a.APIGroup) != group(b.APIGroup) || a.Kind != b.Kind || a.Name != b.Name {
			errs = append(errs, field.Invalid(path, struct{}{}, "must match dataSourceRef"))
		}
	}
	return errs
}

func validateDataSource(group, kind, name string, path *field.Path) field.ErrorList {
	errs := append(required(path.Child("name"), name), required(path.Child("kind"), kind)...)
	if group == "" && kind != "PersistentVolumeClaim" {
		errs = append(errs, field.Invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
	}
	if group != "" {
		errs = append(errs, check.Subdomain(path.Child("apiGroup"), group)...)
	}
	return errs
}
