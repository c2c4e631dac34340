package volumes

import (
	"maps"
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// validateFlocker: a data set is named in one of two ways.
func validateFlocker(source *corev1.FlockerVolumeSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case source.DatasetName == "" && source.DatasetUUID == "":
		errs = append(errs, field.Required(path, "one of datasetName and datasetUUID is required"))
	case source.DatasetName != "" && source.DatasetUUID != "":
		errs = append(errs, field.Invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
	}
	if strings.Contains(source.DatasetName, "/") {
		errs = append(errs, field.Invalid(path.Child("datasetName"), source.DatasetName, "must not contain '/'"))
	}
	return errs
}

func validateCinder(source *corev1.CinderVolumeSource, path *field.Path) field.ErrorList {
	errs := required(path.Child("volumeID"), source.VolumeID)
	if ref := source.SecretRef; ref != nil {
		errs = append(errs, required(path.Child("secretRef", "name"), ref.Name)...)
	}
	return errs
}

// validateStorageOS: names are those that the cluster has for volumes.
func validateStorageOS(source *corev1.StorageOSVolumeSource, path *field.Path) field.ErrorList {
	errs := required(path.Child("volumeName"), source.VolumeName)
	if source.VolumeName != "" {
		errs = append(errs, check.Label(path.Child("volumeName"), source.VolumeName)...)
	}
	if source.VolumeNamespace != "" {
		errs = append(errs, check.Label(path.Child("volumeNamespace"), source.VolumeNamespace)...)
	}
	if ref := source.SecretRef; ref != nil {
		errs = append(errs, required(path.Child("secretRef", "name"), ref.Name)...)
	}
	return errs
}

// validateFC: a disk is named by its own id, or by a port and its number there.
func validateFC(source *corev1.FCVolumeSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	ports, lun := path.Child("targetWWNs"), path.Child("lun")
	switch {
	case len(source.TargetWWNs) == 0 && len(source.WWIDs) == 0:
		errs = append(errs, field.Required(ports, "must specify either targetWWNs or wwids, but not both"))
	case len(source.TargetWWNs) > 0 && len(source.WWIDs) > 0:
		errs = append(errs, field.Invalid(ports, source.TargetWWNs, "targetWWNs and wwids can not be specified simultaneously"))
	}
	switch {
	case len(source.TargetWWNs) == 0:
	case source.Lun == nil:
		errs = append(errs, field.Required(lun, "lun is required if targetWWNs is specified"))
	case *source.Lun < 0 || *source.Lun > maxLun:
		errs = append(errs, field.Invalid(lun, *source.Lun, validation.InclusiveRangeError(0, maxLun)))
	}
	return errs
}

// validateISCSI checks a disk of a storage network, by what name it is used and how one logs in there.
func validateISCSI(source *corev1.ISCSIVolumeSource, path *field.Path) field.ErrorList {
	const unknownForm = "must be valid format starting with iqn, eui, or naa"
	errs := ValidateISCSI(source.TargetPortal, source.IQN, source.Lun, unknownForm, path)
	if (source.DiscoveryCHAPAuth || source.SessionCHAPAuth) && source.SecretRef == nil {
		errs = append(errs, field.Required(path.Child("secretRef"), ""))
	}
	if source.InitiatorName != nil {
		errs = append(errs, ValidateISCSIName(*source.InitiatorName, unknownForm, path.Child("initiatorname"))...)
	}
	return errs
}

// validatePartition: 0 is the whole disk.
func validatePartition(partition int32, path *field.Path) field.ErrorList {
	if partition < 0 || partition > maxPartition {
		return field.ErrorList{field.Invalid(path, partition, validation.InclusiveRangeError(1, maxPartition))}
	}
	return nil
}

const (
	maxPartition = 255
	maxTenant    = 64
)

func validateQuobyte(source *corev1.QuobyteVolumeSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if source.Registry != "" && len(source.Tenant) > maxTenant {
		errs = append(errs, field.Required(path.Child("tenant"), "must be a UUID and may not exceed a length of 64 characters"))
	} else {
		errs = validateRegistry(source.Registry, path.Child("registry"))
	}
	return append(errs, required(path.Child("volume"), source.Volume)...)
}

// validateRegistry checks a list of hosts with ports.
func validateRegistry(registry string, path *field.Path) field.ErrorList {
	if registry == "" {
		return field.ErrorList{field.Required(path, "must be a host:port pair or multiple pairs separated by commas")}
	}
	for pair := range strings.SplitSeq(registry, ",") {
		if _, _, err := net.SplitHostPort(pair); err != nil {
			return field.ErrorList{field.Invalid(path, registry, "must be a host:port pair or multiple pairs separated by commas")}
		}
	}
	return nil
}

// validateOptions keeps what is sent to a driver off the names that Kubernetes sends.
func validateOptions(options map[string]string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(options)) {
		prefix, _, _ := strings.Cut(strings.ToLower(name), "/")
		for _, reserved := range []string{"kubernetes.io", "k8s.io"} {
			if prefix == reserved || strings.HasSuffix(prefix, "."+reserved) {
				errs = append(errs, field.Invalid(path.Key(name), name, "kubernetes.io and k8s.io namespaces are reserved"))
			}
		}
	}
	return errs
}
