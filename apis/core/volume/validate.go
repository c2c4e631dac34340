package volume

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/placement"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

func validatePersistentVolume(v *corev1.PersistentVolume) field.ErrorList {
	return validateVolume(v, nil)
}

// validateVolume checks a volume, which was old, or nil, before.
func validateVolume(v, old *corev1.PersistentVolume) field.ErrorList {
	path, spec := field.NewPath("spec"), &v.Spec
	var errs field.ErrorList
	if len(spec.AccessModes) == 0 {
		errs = append(errs, field.Required(path.Child("accessModes"), ""))
	}
	errs = append(errs, volumes.ValidateAccessModes(spec.AccessModes, path.Child("accessModes"))...)
	errs = append(errs, validateCapacity(spec.Capacity, path.Child("capacity"))...)
	if policy := spec.PersistentVolumeReclaimPolicy; policy != "" {
		errs = append(errs, check.OneOf(path.Child("persistentVolumeReclaimPolicy"), policy, corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain)...)
	}
	if spec.NodeAffinity != nil {
		errs = append(errs, validateVolumeAffinity(spec.NodeAffinity, affinityOf(old), path.Child("nodeAffinity"))...)
	}
	errs = append(errs, validateVolumeSource(spec, path)...)
	if spec.HostPath != nil && spec.HostPath.Path == "/" && spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		errs = append(errs, field.Forbidden(path.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"))
	}
	if spec.StorageClassName != "" {
		errs = append(errs, check.Subdomain(path.Child("storageClassName"), spec.StorageClassName)...)
	}
	if mode := spec.VolumeMode; mode != nil {
		errs = append(errs, check.OneOf(path.Child("volumeMode"), *mode, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	}
	if class := spec.VolumeAttributesClassName; class != nil {
		if *class == "" {
			errs = append(errs, field.Required(path.Child("volumeAttributesClassName"), "an empty string is disallowed"))
		} else {
			errs = append(errs, check.Subdomain(path.Child("volumeAttributesClassName"), *class)...)
		}
	}
	return errs
}

func validateCapacity(capacity corev1.ResourceList, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(capacity) == 0 {
		errs = append(errs, field.Required(path, ""))
	}
	if _, ok := capacity[corev1.ResourceStorage]; !ok || len(capacity) > 1 {
		errs = append(errs, field.NotSupported(path, capacity, []corev1.ResourceName{corev1.ResourceStorage}))
	}
	for name, quantity := range capacity {
		if name == corev1.ResourceStorage && quantity.Sign() <= 0 {
			errs = append(errs, field.Invalid(path.Key(string(name)), quantity.String(), "must be greater than zero"))
		}
	}
	return errs
}

// affinityOf a volume, if there is one.
func affinityOf(v *corev1.PersistentVolume) *corev1.NodeSelector {
	if v == nil || v.Spec.NodeAffinity == nil {
		return nil
	}
	return v.Spec.NodeAffinity.Required
}

func validateVolumeAffinity(affinity *corev1.VolumeNodeAffinity, old *corev1.NodeSelector, path *field.Path) field.ErrorList {
	if affinity.Required == nil {
		return field.ErrorList{field.Required(path.Child("required"), "must specify required node constraints")}
	}
	return placement.ValidateNodeSelectorUpdate(affinity.Required, old, path.Child("required"))
}

// validateVolumeSource checks that there is one source, and that it is whole.
func validateVolumeSource(spec *corev1.PersistentVolumeSpec, path *field.Path) field.ErrorList {
	s := &spec.PersistentVolumeSource
	present := map[string]bool{
		"gcePersistentDisk": s.GCEPersistentDisk != nil, "awsElasticBlockStore": s.AWSElasticBlockStore != nil, "hostPath": s.HostPath != nil,
		"glusterfs": s.Glusterfs != nil, "nfs": s.NFS != nil, "rbd": s.RBD != nil, "iscsi": s.ISCSI != nil, "cinder": s.Cinder != nil, "cephFS": s.CephFS != nil,
		"fc": s.FC != nil, "flocker": s.Flocker != nil, "flexVolume": s.FlexVolume != nil, "azureFile": s.AzureFile != nil, "vsphereVolume": s.VsphereVolume != nil,
		"quobyte": s.Quobyte != nil, "azureDisk": s.AzureDisk != nil, "photonPersistentDisk": s.PhotonPersistentDisk != nil, "portworxVolume": s.PortworxVolume != nil,
		"scaleIO": s.ScaleIO != nil, "local": s.Local != nil, "storageos": s.StorageOS != nil, "csi": s.CSI != nil,
	}
	var errs field.ErrorList
	count := 0
	for _, name := range []string{ // in upstream's order: the first is the one that counts
		"hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte", "cephFS", "iscsi", "cinder", "fc",
		"flexVolume", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "scaleIO", "local", "storageos", "csi",
	} {
		if !present[name] {
			continue
		}
		count++
		if count > 1 {
			errs = append(errs, field.Forbidden(path.Child(name), "may not specify more than 1 volume type"))
			continue
		}
		errs = append(errs, validateOneSource(s, spec, name, path)...)
	}
	if count == 0 {
		errs = append(errs, field.Required(path, "must specify a volume type"))
	}
	return errs
}

func validateOneSource(s *corev1.PersistentVolumeSource, spec *corev1.PersistentVolumeSpec, name string, path *field.Path) field.ErrorList {
	at := path.Child(name)
	switch name {
	case "hostPath":
		return volumes.ValidateHostPath(s.HostPath, at)
	case "nfs":
		return volumes.ValidateNFS(s.NFS, at)
	case "iscsi":
		return validateISCSI(s.ISCSI, at)
	case "local":
		var errs field.ErrorList
		if s.Local.Path == "" {
			errs = append(errs, field.Required(at.Child("path"), ""))
		} else {
			errs = append(errs, check.NoBackSteps(at.Child("path"), s.Local.Path)...)
		}
		if spec.NodeAffinity == nil {
			errs = append(errs, field.Required(path.Child("nodeAffinity"), "Local volume requires node affinity"))
		}
		return errs
	case "csi":
		return validateCSI(s.CSI, at)
	}
	// Upstream has two names for some: these are said of what is in them.
	switch name {
	case "gcePersistentDisk":
		name = "persistentDisk"
	case "cephFS":
		name = "cephfs"
	}
	return append(volumes.ValidateStorage(asOfPod(s), name, path), validateNamespaced(s, name, path.Child(name))...)
}

func validatePersistentVolumeUpdate(v, old *corev1.PersistentVolume) field.ErrorList {
	errs := validateVolume(v, old)
	path := field.NewPath("spec")
	if !equality.Semantic.DeepEqual(v.Spec.PersistentVolumeSource, old.Spec.PersistentVolumeSource) {
		errs = append(errs, field.Forbidden(path.Child("persistentvolumesource"), "spec.persistentvolumesource is immutable after creation\n"+diff.Diff(old.Spec.PersistentVolumeSource, v.Spec.PersistentVolumeSource)))
	}
	errs = append(errs, check.Immutable(field.NewPath("volumeMode"), v.Spec.VolumeMode, old.Spec.VolumeMode)...)
	if old.Spec.NodeAffinity != nil && !equality.Semantic.DeepEqual(v.Spec.NodeAffinity, old.Spec.NodeAffinity) {
		errs = append(errs, field.Invalid(field.NewPath("nodeAffinity"), v.Spec.NodeAffinity, "field is immutable, except for updating from beta label to GA"))
	}
	return errs
}

func validatePersistentVolumeClaim(c *corev1.PersistentVolumeClaim) field.ErrorList {
	return volumes.ValidateClaimSpec(&c.Spec, field.NewPath("spec"))
}

const claimImmutable = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"

// validatePersistentVolumeClaimUpdate lets a claim be bound, grow once it is bound, and change its class of attributes.
func validatePersistentVolumeClaimUpdate(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	errs := validatePersistentVolumeClaim(c)
	path := field.NewPath("spec")
	comparable := c.Spec.DeepCopy()
	if old.Spec.VolumeName == "" {
		comparable.VolumeName = old.Spec.VolumeName
	}
	bound := c.Status.Phase == corev1.ClaimBound
	if bound {
		if comparable.Resources.Requests != nil { // a claim that asks for nothing any more is another
			comparable.Resources.Requests[corev1.ResourceStorage] = old.Spec.Resources.Requests[corev1.ResourceStorage]
		}
		comparable.VolumeAttributesClassName = old.Spec.VolumeAttributesClassName
	}
	if ptr.Deref(old.Spec.StorageClassName, "") == "" && old.Annotations[corev1.BetaStorageClassAnnotation] == "" && old.Spec.StorageClassName == nil {
		comparable.StorageClassName = old.Spec.StorageClassName
	}
	if !equality.Semantic.DeepEqual(*comparable, old.Spec) {
		errs = append(errs, field.Forbidden(path, claimImmutable+"\n"+diff.Diff(old.Spec, *comparable)))
	}
	now, before := c.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	if bound && now.Cmp(before) < 0 {
		if have := old.Status.Capacity[corev1.ResourceStorage]; now.Cmp(have) <= 0 {
			errs = append(errs, field.Forbidden(path.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
		}
	}
	return append(errs, check.Immutable(field.NewPath("volumeMode"), c.Spec.VolumeMode, old.Spec.VolumeMode)...)
}
