package volume

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

// validateISCSI checks a disk of a storage network. Its secret may be in the namespace of the claim.
func validateISCSI(s *corev1.ISCSIPersistentVolumeSource, at *field.Path) field.ErrorList {
	const unknownForm = "must be valid format"
	errs := volumes.ValidateISCSI(s.TargetPortal, s.IQN, s.Lun, unknownForm, at)
	switch {
	case s.SecretRef == nil && (s.DiscoveryCHAPAuth || s.SessionCHAPAuth):
		errs = append(errs, field.Required(at.Child("secretRef"), ""))
	case s.SecretRef != nil && s.SecretRef.Name == "":
		errs = append(errs, field.Required(at.Child("secretRef", "name"), ""))
	}
	if s.InitiatorName != nil {
		errs = append(errs, volumes.ValidateISCSIName(*s.InitiatorName, unknownForm, at.Child("initiatorname"))...)
	}
	return errs
}

// validateCSI checks a volume of a driver. The secret of staging is the driver's business, as upstream has it.
func validateCSI(s *corev1.CSIPersistentVolumeSource, at *field.Path) field.ErrorList {
	errs := volumes.ValidateDriverName(s.Driver, at.Child("driver"))
	if s.VolumeHandle == "" {
		errs = append(errs, field.Required(at.Child("volumeHandle"), ""))
	}
	for _, secret := range []struct {
		name string
		ref  *corev1.SecretReference
	}{
		{"controllerPublishSecretRef", s.ControllerPublishSecretRef}, {"controllerExpandSecretRef", s.ControllerExpandSecretRef},
		{"nodePublishSecretRef", s.NodePublishSecretRef}, {"nodeExpandSecretRef", s.NodeExpandSecretRef},
	} {
		if secret.ref == nil {
			continue
		}
		errs = append(errs, validateReference(secret.ref.Name, secret.ref.Namespace, at.Child(secret.name))...)
		if name := secret.ref.Name; name != "" {
			errs = append(errs, check.Subdomain(at.Child(secret.name, "name"), name)...)
		}
		if namespace := secret.ref.Namespace; namespace != "" {
			errs = append(errs, check.Label(at.Child(secret.name, "namespace"), namespace)...)
		}
	}
	return errs
}

// validateNamespaced checks what the sources of volumes have that those of pods have not: the namespaces of what they name.
func validateNamespaced(s *corev1.PersistentVolumeSource, name string, at *field.Path) field.ErrorList {
	switch {
	case name == "cinder" && s.Cinder.SecretRef != nil:
		return validateReference(s.Cinder.SecretRef.Name, s.Cinder.SecretRef.Namespace, at.Child("secretRef"))
	case name == "storageos" && s.StorageOS.SecretRef != nil:
		return validateReference(s.StorageOS.SecretRef.Name, s.StorageOS.SecretRef.Namespace, at.Child("secretRef"))
	case name == "azureFile" && s.AzureFile.SecretNamespace != nil && *s.AzureFile.SecretNamespace == "":
		return field.ErrorList{field.Required(at.Child("secretNamespace"), "")}
	case name == "glusterfs" && s.Glusterfs.EndpointsNamespace != nil:
		namespace, at := *s.Glusterfs.EndpointsNamespace, at.Child("endpointsNamespace")
		if namespace == "" {
			return field.ErrorList{field.Invalid(at, namespace, "if the endpointnamespace is set, it must be a valid namespace name")}
		}
		return check.Label(at, namespace)
	}
	return nil
}

// validateReference checks that something in a namespace is named in full.
func validateReference(name, namespace string, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	}
	if namespace == "" {
		errs = append(errs, field.Required(at.Child("namespace"), ""))
	}
	return errs
}
