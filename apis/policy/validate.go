package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// specText is how a specification is printed.
type specText struct {
	MinAvailable               *intstr.IntOrString
	Selector                   *metav1.LabelSelector
	MaxUnavailable             *intstr.IntOrString
	UnhealthyPodEvictionPolicy *policyv1.UnhealthyPodEvictionPolicyType
}

func validatePodDisruptionBudget(p *policyv1.PodDisruptionBudget) field.ErrorList {
	spec, path := &p.Spec, field.NewPath("spec")
	var errs field.ErrorList
	if spec.MinAvailable != nil && spec.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(path, specText(*spec), "minAvailable and maxUnavailable cannot be both set"))
	}
	if spec.MinAvailable != nil {
		errs = append(errs, check.Share(path.Child("minAvailable"), *spec.MinAvailable)...)
	}
	if spec.MaxUnavailable != nil {
		errs = append(errs, check.Share(path.Child("maxUnavailable"), *spec.MaxUnavailable)...)
	}
	if spec.Selector != nil {
		errs = append(errs, check.Selector(path.Child("selector"), spec.Selector)...)
	}
	if policy := spec.UnhealthyPodEvictionPolicy; policy != nil {
		errs = append(errs, check.OneOf(path.Child("unhealthyPodEvictionPolicy"), *policy, policyv1.AlwaysAllow, policyv1.IfHealthyBudget)...)
	}
	return errs
}

func validatePodDisruptionBudgetUpdate(p, _ *policyv1.PodDisruptionBudget) field.ErrorList {
	return validatePodDisruptionBudget(p)
}

func validatePodDisruptionBudgetStatus(p, _ *policyv1.PodDisruptionBudget) field.ErrorList {
	status, path := &p.Status, field.NewPath("status")
	errs := metav1validation.ValidateConditions(status.Conditions, path.Child("conditions"))
	errs = append(errs, check.NonNegative(path.Child("disruptionsAllowed"), status.DisruptionsAllowed)...)
	errs = append(errs, check.NonNegative(path.Child("currentHealthy"), status.CurrentHealthy)...)
	errs = append(errs, check.NonNegative(path.Child("desiredHealthy"), status.DesiredHealthy)...)
	return append(errs, check.NonNegative(path.Child("expectedPods"), status.ExpectedPods)...)
}
