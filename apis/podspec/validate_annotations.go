package podspec

import (
	"fmt"
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
