package podspec

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/coxswain-k8s/coxswain/apis/podspec/containers"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidatePodAnnotations checks the annotations that mean something for a pod.
func ValidatePodAnnotations(spec *corev1.PodSpec, annotations map[string]string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if _, mirror := annotations[corev1.MirrorPodAnnotationKey]; mirror && spec.NodeName == "" {
		errs = append(errs, field.Invalid(path.Key(corev1.MirrorPodAnnotationKey), "", "must set spec.nodeName if mirror pod annotation is set"))
	}
	for key, value := range annotations {
		name, ok := strings.CutPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix)
		if !ok {
			continue
		}
		if !containers.Has(spec, name) {
			errs = append(errs, field.Invalid(path.Key(key), name, "container not found"))
		}
		if !validProfile(value) {
			errs = append(errs, field.Invalid(path.Key(key), value, fmt.Sprintf("invalid AppArmor profile name: %q", value)))
		}
	}
	return errs
}

func validProfile(value string) bool {
	return value == "" || value == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault || value == corev1.DeprecatedAppArmorBetaProfileNameUnconfined ||
		strings.HasPrefix(value, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
}

// ValidateDeletionCost checks the annotation by which a replica set chooses among its pods: a number that is written in one way. What was
// wrong before may stay.
func ValidateDeletionCost(annotations, old map[string]string, path *field.Path) field.ErrorList {
	value, has := annotations[corev1.PodDeletionCost]
	if before, had := old[corev1.PodDeletionCost]; !has || had && before == value {
		return nil
	}
	if _, err := strconv.ParseInt(value, 10, 32); err == nil && value[0] != '+' && (value[0] != '0' || value == "0") {
		return nil
	}
	return field.ErrorList{field.Invalid(path.Key(corev1.PodDeletionCost), value, "must be a 32bit integer")}
}
