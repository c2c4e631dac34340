package batch

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec"
)

// The most pods and failed indexes of an indexed job.
const (
	maxParallelism   = 100_000
	maxFailedIndexes = 100_000
)

func validateJob(j *batchv1.Job) field.ErrorList {
	return validateWholeJob(j, nil)
}

// validateWholeJob checks a job whose specification was old, or nil, before.
func validateWholeJob(j *batchv1.Job, old *batchv1.JobSpec) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateGeneratedSelector(j, path)
	errs = append(errs, validateJobSpec(&j.Spec, old, path)...)
	errs = append(errs, validateIndexedName(j)...)
	if j.Spec.Selector == nil {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	} else {
		errs = append(errs, check.Selector(path.Child("selector"), j.Spec.Selector)...)
	}
	selector, err := metav1.LabelSelectorAsSelector(j.Spec.Selector)
	if err == nil && !selector.Matches(labels.Set(j.Spec.Template.Labels)) {
		errs = append(errs, field.Invalid(path.Child("template", "metadata", "labels"), j.Spec.Template.Labels, "`selector` does not match template `labels`"))
	}
	return errs
}

// validateIndexedName checks that the name of the last pod of an indexed job can be its host name.
func validateIndexedName(j *batchv1.Job) field.ErrorList {
	completions := ptr.Deref(j.Spec.Completions, 0)
	if ptr.Deref(j.Spec.CompletionMode, "") != batchv1.IndexedCompletion || completions <= 0 {
		return nil
	}
	last := fmt.Sprintf("%s-%d", j.Name, completions-1)
	if len(validation.IsDNS1123Label(last)) == 0 {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), j.Name, "will not able to create pod with invalid DNS label: "+last)}
}

// validateGeneratedSelector checks that nobody tampered with the labels by which a job knows its pods.
func validateGeneratedSelector(j *batchv1.Job, path *field.Path) field.ErrorList {
	if ptr.Deref(j.Spec.ManualSelector, false) || j.Spec.Selector == nil {
		return nil
	}
	var errs field.ErrorList
	at := path.Child("template", "metadata", "labels")
	for _, label := range [][2]string{
		{legacyControllerUID, string(j.UID)}, {batchv1.ControllerUidLabel, string(j.UID)}, {legacyJobName, j.Name}, {batchv1.JobNameLabel, j.Name},
	} {
		name, want := label[0], label[1]
		got, ok := j.Spec.Template.Labels[name]
		switch {
		case !ok:
			errs = append(errs, field.Required(at.Key(name), fmt.Sprintf("must be '%s'", want)))
		case got != want:
			errs = append(errs, field.Invalid(at.Key(name), j.Spec.Template.Labels, fmt.Sprintf("must be '%s'", want)))
		}
	}
	generated := map[string]string{batchv1.ControllerUidLabel: string(j.UID)}
	legacy := map[string]string{legacyControllerUID: string(j.UID)}
	if !equality.Semantic.DeepEqual(j.Spec.Selector.MatchLabels, generated) && !equality.Semantic.DeepEqual(j.Spec.Selector.MatchLabels, legacy) {
		errs = append(errs, field.Invalid(path.Child("selector"), j.Spec.Selector, "`selector` not auto-generated"))
	}
	return errs
}

func optional[T ~int32 | ~int64](path *field.Path, value *T) field.ErrorList {
	if value == nil {
		return nil
	}
	return check.NonNegative(path, *value)
}

func validateJobSpec(spec, old *batchv1.JobSpec, path *field.Path) field.ErrorList {
	errs := optional(path.Child("parallelism"), spec.Parallelism)
	errs = append(errs, optional(path.Child("completions"), spec.Completions)...)
	errs = append(errs, optional(path.Child("activeDeadlineSeconds"), spec.ActiveDeadlineSeconds)...)
	errs = append(errs, optional(path.Child("backoffLimit"), spec.BackoffLimit)...)
	errs = append(errs, optional(path.Child("ttlSecondsAfterFinished"), spec.TTLSecondsAfterFinished)...)
	errs = append(errs, optional(path.Child("backoffLimitPerIndex"), spec.BackoffLimitPerIndex)...)
	errs = append(errs, optional(path.Child("maxFailedIndexes"), spec.MaxFailedIndexes)...)
	if spec.BackoffLimitPerIndex == nil && spec.MaxFailedIndexes != nil {
		errs = append(errs, field.Required(path.Child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
	}
	if by := spec.ManagedBy; by != nil {
		errs = append(errs, validation.IsDomainPrefixedPath(path.Child("managedBy"), *by)...)
		const longest = 63
		if len(*by) > longest {
			errs = append(errs, field.TooLong(path.Child("managedBy"), *by, longest))
		}
	}
	errs = append(errs, validateCompletionMode(spec, path)...)
	if spec.PodFailurePolicy != nil {
		errs = append(errs, validateFailurePolicy(spec, path.Child("podFailurePolicy"))...)
	}
	if spec.SuccessPolicy != nil {
		errs = append(errs, validateSuccessPolicy(spec, path.Child("successPolicy"))...)
	}
	errs = append(errs, validateReplacement(spec, path.Child("podReplacementPolicy"))...)
	return append(errs, validateJobTemplate(spec, old, path.Child("template"))...)
}

func validateJobTemplate(spec, old *batchv1.JobSpec, path *field.Path) field.ErrorList {
	var before *corev1.PodTemplateSpec
	if old != nil {
		before = &old.Template
	}
	errs := podspec.ValidateTemplate(&spec.Template, before, path)
	restart, at := spec.Template.Spec.RestartPolicy, path.Child("spec", "restartPolicy")
	switch restart {
	case corev1.RestartPolicyAlways, "":
		for i, err := range errs {
			if err.Field == at.String() {
				errs = append(errs[:i], errs[i+1:]...)
				break
			}
		}
		errs = append(errs, field.Required(at, fmt.Sprintf("valid values: %q, %q", corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)))
	case corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever:
		if restart == corev1.RestartPolicyOnFailure && spec.PodFailurePolicy != nil {
			errs = append(errs, field.Invalid(at, restart, fmt.Sprintf("only %q is supported when podFailurePolicy is specified", corev1.RestartPolicyNever)))
		}
	default:
		errs = append(errs, field.NotSupported(at, restart, []corev1.RestartPolicy{corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever}))
	}
	return errs
}

func validateCompletionMode(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	mode := ptr.Deref(spec.CompletionMode, batchv1.NonIndexedCompletion)
	errs := check.OneOf(path.Child("completionMode"), mode, batchv1.NonIndexedCompletion, batchv1.IndexedCompletion)
	if mode == batchv1.NonIndexedCompletion {
		if limit := spec.BackoffLimitPerIndex; limit != nil {
			errs = append(errs, field.Invalid(path.Child("backoffLimitPerIndex"), *limit, "requires indexed completion mode"))
		}
		if most := spec.MaxFailedIndexes; most != nil {
			errs = append(errs, field.Invalid(path.Child("maxFailedIndexes"), *most, "requires indexed completion mode"))
		}
	}
	if mode != batchv1.IndexedCompletion {
		return errs
	}
	if spec.Completions == nil {
		errs = append(errs, field.Required(path.Child("completions"), "when completion mode is Indexed"))
	}
	if p := spec.Parallelism; p != nil && *p > maxParallelism {
		errs = append(errs, field.Invalid(path.Child("parallelism"), *p, fmt.Sprintf("must be less than or equal to %d when completion mode is Indexed", maxParallelism)))
	}
	if m := spec.MaxFailedIndexes; m != nil {
		at := path.Child("maxFailedIndexes")
		if spec.Completions != nil && *m > *spec.Completions {
			errs = append(errs, field.Invalid(at, *m, "must be less than or equal to completions"))
		}
		if *m > maxFailedIndexes {
			errs = append(errs, field.Invalid(at, *m, fmt.Sprintf("must be less than or equal to %d", maxFailedIndexes)))
		}
	}
	return errs
}

func validateReplacement(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	policy := spec.PodReplacementPolicy
	switch {
	case policy == nil:
		return nil
	case spec.PodFailurePolicy != nil:
		return check.OneOf(path, *policy, batchv1.Failed)
	}
	return check.OneOf(path, *policy, batchv1.Failed, batchv1.TerminatingOrFailed)
}

func validateJobUpdate(j, old *batchv1.Job) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateWholeJob(j, &old.Spec)
	indexed := ptr.Deref(j.Spec.CompletionMode, "") == batchv1.IndexedCompletion
	errs = append(errs, validateCompletionsUpdate(&j.Spec, &old.Spec, indexed, path.Child("completions"))...)
	errs = append(errs, check.Immutable(path.Child("selector"), j.Spec.Selector, old.Spec.Selector)...)
	errs = append(errs, check.Immutable(path.Child("template"), j.Spec.Template, *allowSuspended(j, old))...)
	errs = append(errs, check.Immutable(path.Child("completionMode"), j.Spec.CompletionMode, old.Spec.CompletionMode)...)
	errs = append(errs, check.Immutable(path.Child("podFailurePolicy"), j.Spec.PodFailurePolicy, old.Spec.PodFailurePolicy)...)
	errs = append(errs, check.Immutable(path.Child("backoffLimitPerIndex"), j.Spec.BackoffLimitPerIndex, old.Spec.BackoffLimitPerIndex)...)
	errs = append(errs, check.Immutable(path.Child("managedBy"), j.Spec.ManagedBy, old.Spec.ManagedBy)...)
	return append(errs, check.Immutable(path.Child("successPolicy"), j.Spec.SuccessPolicy, old.Spec.SuccessPolicy)...)
}

// validateCompletionsUpdate lets an indexed job grow and shrink when all its pods run at the same time.
func validateCompletionsUpdate(spec, old *batchv1.JobSpec, indexed bool, path *field.Path) field.ErrorList {
	if !indexed || spec.Completions == nil || old.Completions == nil {
		return check.Immutable(path, spec.Completions, old.Completions)
	}
	if *spec.Completions != *old.Completions && *spec.Completions != ptr.Deref(spec.Parallelism, 0) {
		return field.ErrorList{field.Invalid(path, *spec.Completions, "can only be modified in tandem with spec.parallelism")}
	}
	return nil
}

// allowSuspended is the old template, with what may change before a suspended job has started taken from the new one.
func allowSuspended(j, old *batchv1.Job) *corev1.PodTemplateSpec {
	template := old.Spec.Template.DeepCopy()
	if !ptr.Deref(old.Spec.Suspend, false) || old.Status.StartTime != nil {
		return template
	}
	wanted := &j.Spec.Template
	template.Annotations, template.Labels = wanted.Annotations, wanted.Labels
	template.Spec.NodeSelector = wanted.Spec.NodeSelector
	template.Spec.Tolerations = wanted.Spec.Tolerations
	template.Spec.SchedulingGates = wanted.Spec.SchedulingGates
	if wanted.Spec.Affinity == nil || template.Spec.Affinity == nil {
		if wanted.Spec.Affinity == nil || onlyNodeAffinity(wanted.Spec.Affinity) {
			template.Spec.Affinity = wanted.Spec.Affinity
		}
		return template
	}
	template.Spec.Affinity.NodeAffinity = wanted.Spec.Affinity.NodeAffinity
	return template
}

func onlyNodeAffinity(a *corev1.Affinity) bool {
	return a.PodAffinity == nil && a.PodAntiAffinity == nil
}

func validateManualSelector(spec *batchv1.JobSpec, path *field.Path) field.ErrorList {
	if ptr.Deref(spec.ManualSelector, false) {
		return field.ErrorList{field.NotSupported(path, true, []string{"nil", "false"})}
	}
	return nil
}
