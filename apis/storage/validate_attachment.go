package storage

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

func validateVolumeAttachment(a *storagev1.VolumeAttachment) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateDriverName(a.Spec.Attacher, path.Child("attacher"))
	errs = append(errs, validateAttachmentSource(&a.Spec.Source, path.Child("source"))...)
	errs = append(errs, check.Messages(path.Child("nodeName"), a.Spec.NodeName, apivalidation.NameIsDNSSubdomain(a.Spec.NodeName, false))...)
	errs = append(errs, validateAttached(&a.Spec.Source, path.Child("source"))...)
	return append(errs, validateAttachmentStatus(&a.Status)...)
}

// attachmentText is how a specification that changed is printed.
type attachmentText struct {
	Attacher string
	Source   struct {
		PersistentVolumeName *string
		InlineVolumeSpec     *corev1.PersistentVolumeSpec
	}
	NodeName string
}

func validateVolumeAttachmentUpdate(a, old *storagev1.VolumeAttachment) field.ErrorList {
	errs := validateVolumeAttachment(a)
	if !equality.Semantic.DeepEqual(a.Spec, old.Spec) {
		text := attachmentText{Attacher: a.Spec.Attacher, NodeName: a.Spec.NodeName}
		text.Source.PersistentVolumeName, text.Source.InlineVolumeSpec = a.Spec.Source.PersistentVolumeName, a.Spec.Source.InlineVolumeSpec
		errs = append(errs, field.Invalid(field.NewPath("spec"), text, "field is immutable"))
	}
	return errs
}

func validateVolumeAttachmentStatus(a, old *storagev1.VolumeAttachment) field.ErrorList {
	return validateVolumeAttachmentUpdate(a, old)
}

func validateAttachmentStatus(status *storagev1.VolumeAttachmentStatus) field.ErrorList {
	path := field.NewPath("status")
	errs := validateVolumeError(status.AttachError, path.Child("attachError"))
	return append(errs, validateVolumeError(status.DetachError, path.Child("detachError"))...)
}

func validateVolumeError(e *storagev1.VolumeError, path *field.Path) field.ErrorList {
	if e == nil || e.ErrorCode == nil || *e.ErrorCode >= 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Child("errorCode"), *e.ErrorCode, validation.InclusiveRangeError(0, math.MaxInt32))}
}

func validateAttachmentSource(source *storagev1.VolumeAttachmentSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	const one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
	switch {
	case source.InlineVolumeSpec == nil && source.PersistentVolumeName == nil:
		errs = append(errs, field.Required(path, one))
	case source.InlineVolumeSpec != nil && source.PersistentVolumeName != nil:
		errs = append(errs, field.Forbidden(path, one))
	}
	return errs
}

// validateAttached checks the volume that a source names or spells out.
func validateAttached(source *storagev1.VolumeAttachmentSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if name := source.PersistentVolumeName; name != nil {
		at := path.Child("persistentVolumeName")
		if *name == "" {
			errs = append(errs, field.Required(at, "must specify non empty persistentVolumeName"))
		}
		errs = append(errs, check.Messages(at, *name, apivalidation.NameIsDNSSubdomain(*name, false))...)
	}
	if source.InlineVolumeSpec != nil && source.PersistentVolumeName == nil {
		errs = append(errs, validateInlineVolume(source.InlineVolumeSpec, path.Child("inlineVolumeSpec"))...)
	}
	return errs
}

// validateInlineVolume checks a volume that was moved from an in-tree driver to one of CSI.
func validateInlineVolume(spec *corev1.PersistentVolumeSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	unset := func(name string, given bool) {
		if given {
			errs = append(errs, field.Forbidden(path.Child(name), "may not be specified in the context of inline volumes"))
		}
	}
	unset("claimRef", spec.ClaimRef != nil)
	unset("capacity", len(spec.Capacity) > 0)
	if spec.CSI == nil {
		errs = append(errs, field.Required(path.Child("csi"), "has to be specified in the context of inline volumes"))
	}
	if len(spec.AccessModes) == 0 {
		errs = append(errs, field.Required(path.Child("accessModes"), ""))
	} else {
		errs = append(errs, volumes.ValidateAccessModes(spec.AccessModes, path.Child("accessModes"))...)
	}
	unset("nodeAffinity", spec.NodeAffinity != nil)
	errs = append(errs, validateInlineSource(&spec.PersistentVolumeSource, path)...)
	if spec.PersistentVolumeReclaimPolicy != "" && spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		errs = append(errs, field.Forbidden(path.Child("persistentVolumeReclaimPolicy"), "may only be "+string(corev1.PersistentVolumeReclaimRetain)+" in the context of inline volumes"))
	}
	unset("storageClassName", spec.StorageClassName != "")
	if spec.VolumeMode != nil && *spec.VolumeMode != corev1.PersistentVolumeFilesystem {
		errs = append(errs, field.Forbidden(path.Child("volumeMode"), "may not specify volumeMode other than Filesystem in the context of inline volumes"))
	}
	return errs
}

func validateInlineSource(source *corev1.PersistentVolumeSource, path *field.Path) field.ErrorList {
	at := path.Child("csi")
	csi := source.CSI
	switch {
	case *source == (corev1.PersistentVolumeSource{}):
		return field.ErrorList{field.Required(path, "must specify a volume type")}
	case csi == nil:
		return nil
	case *source != (corev1.PersistentVolumeSource{CSI: csi}):
		return field.ErrorList{field.Forbidden(at, "may not specify more than 1 volume type")}
	}
	errs := validateDriverName(csi.Driver, at.Child("driver"))
	if csi.VolumeHandle == "" {
		errs = append(errs, field.Required(at.Child("volumeHandle"), ""))
	}
	return errs
}
