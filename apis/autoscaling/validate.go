package autoscaling

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// The longest times that a scaling rule may look back, in seconds.
const (
	maxPeriodSeconds        = 1800
	maxStabilizationSeconds = 3600
)

func validateHorizontalPodAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	return validateSpec(&h.Spec, 1)
}

func validateHorizontalPodAutoscalerUpdate(h, old *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	return validateSpec(&h.Spec, min(1, ptr.Deref(old.Spec.MinReplicas, 1)))
}

func validateHorizontalPodAutoscalerStatus(h, _ *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	path := field.NewPath("status")
	errs := check.NonNegative(path.Child("currentReplicas"), h.Status.CurrentReplicas)
	return append(errs, check.NonNegative(path.Child("desiredReplicas"), h.Status.DesiredReplicas)...)
}

// validateSpec checks all of a specification; fewest is what minReplicas may be.
func validateSpec(spec *autoscalingv2.HorizontalPodAutoscalerSpec, fewest int32) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if spec.MinReplicas != nil && *spec.MinReplicas < fewest {
		errs = append(errs, field.Invalid(path.Child("minReplicas"), *spec.MinReplicas, atLeast(fewest)))
	}
	if spec.MaxReplicas < 0 {
		errs = append(errs, field.Invalid(path.Child("maxReplicas"), spec.MaxReplicas, atLeast(1)))
	} else if spec.MaxReplicas == 0 {
		errs = append(errs, field.Required(path.Child("maxReplicas"), "must be set and greater than 0"))
	}
	if spec.MinReplicas != nil && spec.MaxReplicas < *spec.MinReplicas {
		errs = append(errs, field.Invalid(path.Child("maxReplicas"), spec.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	errs = append(errs, validateTarget(&spec.ScaleTargetRef, path.Child("scaleTargetRef"))...)
	errs = append(errs, validateMetrics(spec, path.Child("metrics"))...)
	if spec.Behavior != nil {
		at := path.Child("behavior")
		errs = append(errs, validateScalingRules(spec.Behavior.ScaleUp, at.Child("scaleUp"))...)
		errs = append(errs, validateScalingRules(spec.Behavior.ScaleDown, at.Child("scaleDown"))...)
	}
	return errs
}

func atLeast(fewest int32) string {
	if fewest == 0 {
		return "must be greater than or equal to 0"
	}
	return "must be greater than or equal to 1"
}

// validateTarget checks the object to scale. Of the core group only ReplicationControllers can be.
func validateTarget(ref *autoscalingv2.CrossVersionObjectReference, path *field.Path) field.ErrorList {
	errs := validateReference(ref, path)
	at := path.Child("apiVersion")
	if version, err := schema.ParseGroupVersion(ref.APIVersion); err == nil && version.Group == "" && ref.Kind != "ReplicationController" {
		errs = append(errs, field.Invalid(at, ref.APIVersion, "apiVersion must specify API group"))
	}
	return errs
}

func validateReference(ref *autoscalingv2.CrossVersionObjectReference, path *field.Path) field.ErrorList {
	errs := check.RequiredSegment(path.Child("kind"), ref.Kind)
	errs = append(errs, check.RequiredSegment(path.Child("name"), ref.Name)...)
	return append(errs, check.GroupVersion(path.Child("apiVersion"), ref.APIVersion)...)
}

func validateScalingRules(rules *autoscalingv2.HPAScalingRules, path *field.Path) field.ErrorList {
	if rules == nil {
		return nil
	}
	var errs field.ErrorList
	if seconds := rules.StabilizationWindowSeconds; seconds != nil {
		at := path.Child("stabilizationWindowSeconds")
		switch {
		case *seconds < 0:
			errs = append(errs, field.Invalid(at, *seconds, "must be greater than or equal to zero"))
		case *seconds > maxStabilizationSeconds:
			errs = append(errs, field.Invalid(at, *seconds, "must be less than or equal to 3600"))
		}
	}
	if rules.SelectPolicy != nil {
		errs = append(errs, check.OneOf(path.Child("selectPolicy"), *rules.SelectPolicy,
			autoscalingv2.DisabledPolicySelect, autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect)...)
	}
	if len(rules.Policies) == 0 {
		errs = append(errs, field.Required(path.Child("policies"), "must specify at least one Policy"))
	}
	for i := range rules.Policies {
		errs = append(errs, validateScalingPolicy(&rules.Policies[i], path.Child("policies").Index(i))...)
	}
	if rules.Tolerance != nil && rules.Tolerance.Sign() < 0 {
		errs = append(errs, field.Invalid(path.Child("tolerance"), rules.Tolerance.String(), "must be greater than or equal to 0"))
	}
	return errs
}

func validateScalingPolicy(policy *autoscalingv2.HPAScalingPolicy, path *field.Path) field.ErrorList {
	errs := check.OneOf(path.Child("type"), policy.Type, autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy)
	if policy.Value <= 0 {
		errs = append(errs, field.Invalid(path.Child("value"), policy.Value, "must be greater than zero"))
	}
	at := path.Child("periodSeconds")
	switch {
	case policy.PeriodSeconds <= 0:
		errs = append(errs, field.Invalid(at, policy.PeriodSeconds, "must be greater than zero"))
	case policy.PeriodSeconds > maxPeriodSeconds:
		errs = append(errs, field.Invalid(at, policy.PeriodSeconds, "must be less than or equal to 1800"))
	}
	return errs
}
