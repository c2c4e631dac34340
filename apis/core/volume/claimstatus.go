package volume

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// resizes are what may be said of a resource of a claim that grows.
var resizes = []corev1.ClaimResourceStatus{
	corev1.PersistentVolumeClaimControllerResizeInProgress, corev1.PersistentVolumeClaimControllerResizeInfeasible,
	corev1.PersistentVolumeClaimNodeResizeInProgress, corev1.PersistentVolumeClaimNodeResizeInfeasible, corev1.PersistentVolumeClaimNodeResizePending,
}

// validatePersistentVolumeClaimStatus checks what is said of a claim's size.
func validatePersistentVolumeClaimStatus(c, _ *corev1.PersistentVolumeClaim) field.ErrorList {
	path := field.NewPath("status")
	var errs field.ErrorList
	for _, amounts := range []struct {
		name  string
		given corev1.ResourceList
	}{{"capacity", c.Status.Capacity}, {"allocatedResources", c.Status.AllocatedResources}} {
		for _, name := range slices.Sorted(maps.Keys(amounts.given)) {
			if amounts.name == "allocatedResources" {
				errs = append(errs, validateClaimResource(name, path.Child(amounts.name))...)
			}
			if quantity := amounts.given[name]; quantity.Sign() < 0 {
				errs = append(errs, field.Invalid(path.Child(amounts.name).Key(string(name)), quantity.Value(), "must be a valid resource quantity"))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Status.AllocatedResourceStatuses)) {
		at := path.Child("allocatedResourceStatuses")
		errs = append(errs, validateClaimResource(name, at)...)
		if !slices.Contains(resizes, c.Status.AllocatedResourceStatuses[name]) {
			errs = append(errs, field.NotSupported(at, name, resizes))
		}
	}
	return errs
}

// validateClaimResource: a claim has storage, and what somebody defines with a prefix of theirs.
func validateClaimResource(name corev1.ResourceName, path *field.Path) field.ErrorList {
	if errs := check.QualifiedName(path, string(name)); len(errs) > 0 {
		return errs
	}
	prefix, _, prefixed := strings.Cut(string(name), "/")
	if name == corev1.ResourceStorage || prefixed && prefix != "kubernetes.io" && !strings.HasSuffix(prefix, ".kubernetes.io") {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, name, []corev1.ResourceName{corev1.ResourceStorage})}
}
