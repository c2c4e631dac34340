package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

func templatePath() *field.Path { return field.NewPath("spec", "template") }

// isSame says whether the specification of an object stays what it was.
func isSame(obj, old metav1.Object) bool { return obj.GetGeneration() == old.GetGeneration() }

func warnDeployment(d, old *appsv1.Deployment) []string {
	switch {
	case old == nil:
		return append(podspec.PodsNameWarning(d.Name), podspec.TemplateWarnings(&d.Spec.Template, templatePath())...)
	case isSame(d, old):
		return nil
	}
	return podspec.TemplateWarnings(&d.Spec.Template, templatePath())
}

func warnReplicaSet(s, old *appsv1.ReplicaSet) []string {
	switch {
	case old == nil:
		return append(podspec.PodsNameWarning(s.Name), podspec.TemplateWarnings(&s.Spec.Template, templatePath())...)
	case isSame(s, old):
		return nil
	}
	return podspec.TemplateWarnings(&s.Spec.Template, templatePath())
}

func warnDaemonSet(d, old *appsv1.DaemonSet) []string {
	const generation = appsv1.DeprecatedTemplateGeneration
	if old != nil && d.Annotations[generation] == old.Annotations[generation] {
		return nil
	}
	return podspec.TemplateWarnings(&d.Spec.Template, templatePath())
}

func warnStatefulSet(s, old *appsv1.StatefulSet) []string {
	var warnings []string
	if old == nil || !isSame(s, old) {
		warnings = podspec.TemplateWarnings(&s.Spec.Template, templatePath())
	}
	for i := range s.Spec.VolumeClaimTemplates {
		path := field.NewPath("spec", "volumeClaimTemplates").Index(i)
		if old != nil {
			path = path.Child("Spec") // upstream names it so, on updates alone
		}
		warnings = append(warnings, volumes.ClaimWarnings(&s.Spec.VolumeClaimTemplates[i].Spec, path)...)
	}
	if limit := s.Spec.RevisionHistoryLimit; limit != nil && *limit < 0 {
		warnings = append(warnings, "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended")
	}
	return warnings
}
