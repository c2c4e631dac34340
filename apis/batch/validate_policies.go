package batch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// How much a policy may hold.
const (
	maxFailureRules   = 20
	maxExitCodes      = 255
	maxPodConditions  = 20
	maxSuccessRules   = 20
	maxIndexesText    = 64 * 1024
	oneOfIsRequired   = "specifying one of OnExitCodes and OnPodConditions is required"
	bothNotSupported  = "specifying both OnExitCodes and OnPodConditions is not supported"
	unknownContainers = "must be one of the container or initContainer names in the pod template"
)

func validateFailurePolicy(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	at := path.Child("rules")
	names := sets.New[string]()
	for i := range spec.Template.Spec.InitContainers {
		names.Insert(spec.Template.Spec.InitContainers[i].Name)
	}
	for i := range spec.Template.Spec.Containers {
		names.Insert(spec.Template.Spec.Containers[i].Name)
	}
	var errs field.ErrorList
	if len(spec.PodFailurePolicy.Rules) > maxFailureRules {
		errs = append(errs, field.TooMany(at, len(spec.PodFailurePolicy.Rules), maxFailureRules))
	}
	for i := range spec.PodFailurePolicy.Rules {
		errs = append(errs, validateFailureRule(spec, &spec.PodFailurePolicy.Rules[i], names, at.Index(i))...)
	}
	return errs
}

func validateFailureRule(spec *batchv1.JobSpec, rule *batchv1.PodFailurePolicyRule, names sets.Set[string], path *field.Path) field.ErrorList {
	action := path.Child("action")
	errs := requiredOneOf(action, rule.Action, batchv1.PodFailurePolicyActionCount, batchv1.PodFailurePolicyActionFailIndex, batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionIgnore)
	if rule.Action == batchv1.PodFailurePolicyActionFailIndex && spec.BackoffLimitPerIndex == nil {
		errs = append(errs, field.Invalid(action, rule.Action, "requires the backoffLimitPerIndex to be set"))
	}
	if rule.OnExitCodes != nil {
		errs = append(errs, validateExitCodes(rule.OnExitCodes, names, path.Child("onExitCodes"))...)
	}
	if len(rule.OnPodConditions) > 0 {
		errs = append(errs, validatePodConditions(rule.OnPodConditions, path.Child("onPodConditions"))...)
	}
	switch {
	case rule.OnExitCodes != nil && len(rule.OnPodConditions) > 0:
		errs = append(errs, field.Invalid(path, field.OmitValueType{}, bothNotSupported))
	case rule.OnExitCodes == nil && len(rule.OnPodConditions) == 0:
		errs = append(errs, field.Invalid(path, field.OmitValueType{}, oneOfIsRequired))
	}
	return errs
}

// requiredOneOf is check.RequiredOneOf that names the values also when there is none.
func requiredOneOf[T ~string](path *field.Path, value T, known ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, fmt.Sprintf("valid values: %q", known))}
	}
	return check.OneOf(path, value, known...)
}

func validateExitCodes(r *batchv1.PodFailurePolicyOnExitCodesRequirement, names sets.Set[string], path *field.Path) field.ErrorList {
	errs := requiredOneOf(path.Child("operator"), r.Operator, batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn)
	if r.ContainerName != nil && !names.Has(*r.ContainerName) {
		errs = append(errs, field.Invalid(path.Child("containerName"), *r.ContainerName, unknownContainers))
	}
	at := path.Child("values")
	switch {
	case len(r.Values) == 0:
		errs = append(errs, field.Invalid(at, r.Values, "at least one value is required"))
	case len(r.Values) > maxExitCodes:
		errs = append(errs, field.TooMany(at, len(r.Values), maxExitCodes))
	}
	seen := sets.New[int32]()
	for i, value := range r.Values {
		if r.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn && value == 0 {
			errs = append(errs, field.Invalid(at.Index(i), value, "must not be 0 for the In operator"))
		}
		if seen.Has(value) {
			errs = append(errs, field.Duplicate(at.Index(i), value))
		}
		seen.Insert(value)
	}
	if !slices.IsSorted(r.Values) {
		errs = append(errs, field.Invalid(at, r.Values, "must be ordered"))
	}
	return errs
}

func validatePodConditions(patterns []batchv1.PodFailurePolicyOnPodConditionsPattern, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(patterns) > maxPodConditions {
		errs = append(errs, field.TooMany(path, len(patterns), maxPodConditions))
	}
	for i, pattern := range patterns {
		errs = append(errs, check.QualifiedName(path.Index(i).Child("type"), string(pattern.Type))...)
		errs = append(errs, check.RequiredOneOf(path.Index(i).Child("status"), pattern.Status, corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown)...)
	}
	return errs
}

func validateSuccessPolicy(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	if ptr.Deref(spec.CompletionMode, "") != batchv1.IndexedCompletion {
		return field.ErrorList{field.Invalid(path, check.GoNames(*spec.SuccessPolicy), "requires indexed completion mode")}
	}
	at := path.Child("rules")
	rules := spec.SuccessPolicy.Rules
	if len(rules) == 0 {
		return field.ErrorList{field.Required(at, "at least one rules must be specified when the successPolicy is specified")}
	}
	if len(rules) > maxSuccessRules {
		return field.ErrorList{field.TooMany(at, len(rules), maxSuccessRules)}
	}
	var errs field.ErrorList
	for i := range rules {
		errs = append(errs, validateSuccessRule(spec, &rules[i], at.Index(i))...)
	}
	return errs
}

func validateSuccessRule(spec *batchv1.JobSpec, rule *batchv1.SuccessPolicyRule, path *field.Path) field.ErrorList {
	if rule.SucceededCount == nil && rule.SucceededIndexes == nil {
		return field.ErrorList{field.Required(path, "at least one of succeededCount or succeededIndexes must be specified")}
	}
	var errs field.ErrorList
	completions := ptr.Deref(spec.Completions, 0)
	indexes := int32(0)
	if text := rule.SucceededIndexes; text != nil {
		at := path.Child("succeededIndexes")
		if len(*text) > maxIndexesText {
			errs = append(errs, field.TooLong(at, *text, maxIndexesText))
		}
		n, err := countIndexes(*text, completions)
		if err != nil {
			errs = append(errs, field.Invalid(at, *text, fmt.Sprintf("error parsing succeededIndexes: %s", err)))
		}
		indexes = n
	}
	if count := rule.SucceededCount; count != nil {
		at := path.Child("succeededCount")
		errs = append(errs, check.NonNegative(at, *count)...)
		if *count > completions {
			errs = append(errs, field.Invalid(at, *count, fmt.Sprintf("must be less than or equal to %d (the number of specified completions)", completions)))
		}
		if rule.SucceededIndexes != nil && *count > indexes {
			errs = append(errs, field.Invalid(at, *count, fmt.Sprintf("must be less than or equal to %d (the number of indexes in the specified succeededIndexes field)", indexes)))
		}
	}
	return errs
}

// countIndexes counts the indexes of a text like "0,2-4", which must grow and stay below completions.
func countIndexes(text string, completions int32) (int32, error) {
	total, last := int32(0), int32(-1)
	if text == "" {
		return 0, nil
	}
	for _, interval := range strings.Split(text, ",") {
		ends := strings.Split(interval, "-")
		if len(ends) > 2 {
			return 0, fmt.Errorf("the fragment %q violates the requirement that an index interval can have at most two parts separated by '-'", interval)
		}
		first, err := index(ends[0], completions)
		if err != nil {
			return 0, err
		}
		if first <= last {
			return 0, fmt.Errorf("non-increasing order, previous: %d, current: %d", last, first)
		}
		end := first
		if len(ends) == 2 {
			if end, err = index(ends[1], completions); err != nil {
				return 0, err
			}
			if end <= first {
				return 0, fmt.Errorf("non-increasing order, previous: %d, current: %d", first, end)
			}
		}
		total += end - first + 1
		last = end
	}
	return total, nil
}

func index(text string, completions int32) (int32, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("cannot convert string to integer for index: %q", text)
	}
	if n >= int(completions) {
		return 0, fmt.Errorf("too large index: %q", text)
	}
	return int32(n), nil
}
