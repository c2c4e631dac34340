package podspec

import (
	"slices"

	"github.com/coxswain-k8s/coxswain/apis/podspec/placement"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

const mayChange = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`," +
	"`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

// ValidateSpecUpdate checks that a pod changed only where a pod may: its images, its deadline (shorter),
// its tolerations (more), and before it is scheduled, its gates and what narrows down where it may run.
func ValidateSpecUpdate(pod, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	spec, before := &pod.Spec, &old.Spec
	var errs field.ErrorList
	if len(spec.Containers) != len(before.Containers) {
		return append(errs, field.Forbidden(path.Child("containers"), "pod updates may not add or remove containers"))
	}
	if len(spec.InitContainers) != len(before.InitContainers) {
		return append(errs, field.Forbidden(path.Child("initContainers"), "pod updates may not add or remove containers"))
	}
	errs = append(errs, validateImages(spec.Containers, path.Child("containers"))...)
	errs = append(errs, validateImages(spec.InitContainers, path.Child("initContainers"))...)
	errs = append(errs, validateDeadlineUpdate(spec.ActiveDeadlineSeconds, before.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))...)
	if !placement.OnlyAdded(spec.Tolerations, before.Tolerations) {
		errs = append(errs, field.Forbidden(path.Child("tolerations"), "existing toleration can not be modified except its tolerationSeconds"))
	}
	errs = append(errs, validateGatesUpdate(spec, before, path.Child("schedulingGates"))...)
	if len(errs) > 0 {
		return errs
	}
	comparable := withAllowedChanges(spec, before)
	if len(before.SchedulingGates) > 0 {
		errs = append(errs, allowNarrowing(comparable, before, path)...)
	}
	if len(errs) == 0 && !Equal(comparable, before) {
		errs = append(errs, field.Forbidden(path, mayChange+"\n"+diff.Diff(before, comparable)))
	}
	return errs
}

func validateImages(containers []corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range containers {
		if containers[i].Image == "" {
			errs = append(errs, field.Required(path.Index(i).Child("image"), ""))
		}
	}
	return errs
}

// withAllowedChanges is the new specification with the old values where a pod may change.
func withAllowedChanges(spec, old *corev1.PodSpec) *corev1.PodSpec {
	out := spec.DeepCopy()
	for i := range out.Containers {
		out.Containers[i].Image = old.Containers[i].Image
	}
	for i := range out.InitContainers {
		out.InitContainers[i].Image = old.InitContainers[i].Image
	}
	out.ActiveDeadlineSeconds = old.ActiveDeadlineSeconds
	out.Tolerations = old.Tolerations
	out.SchedulingGates = old.SchedulingGates
	if ptr.Deref(old.TerminationGracePeriodSeconds, 0) < 0 && ptr.Deref(out.TerminationGracePeriodSeconds, 0) == 1 {
		out.TerminationGracePeriodSeconds = old.TerminationGracePeriodSeconds
	}
	return out
}

func validateDeadlineUpdate(now, before *int64, path *field.Path) field.ErrorList {
	switch {
	case now != nil:
		if errs := validateDeadline(*now, path); len(errs) > 0 {
			return errs
		}
		if before != nil && *now > *before {
			return field.ErrorList{field.Invalid(path, *now, "must be less than or equal to previous value")}
		}
	case before != nil:
		return field.ErrorList{field.Invalid(path, now, "must not update from a positive integer to nil value")}
	}
	return nil
}

func validateGatesUpdate(spec, old *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, gate := range spec.SchedulingGates {
		if !slices.Contains(old.SchedulingGates, gate) {
			errs = append(errs, field.Forbidden(path.Index(i).Child("name"), "only deletion is allowed, but found new scheduling gate '"+gate.Name+"'"))
		}
	}
	return errs
}

// allowNarrowing lets a gated pod be bound to fewer nodes: labels can be added to its node selector, and
// expressions to the terms of its required node affinity.
func allowNarrowing(spec, old *corev1.PodSpec, path *field.Path) field.ErrorList {
	for key, value := range old.NodeSelector {
		if now, ok := spec.NodeSelector[key]; !ok || now != value {
			return field.ErrorList{field.Invalid(path.Child("nodeSelector"), spec.NodeSelector, "only additions to spec.nodeSelector are allowed (no mutations or deletions)")}
		}
	}
	spec.NodeSelector = old.NodeSelector
	if spec.Affinity == nil || spec.Affinity.NodeAffinity == nil {
		return nil
	}
	var before *corev1.NodeAffinity
	if old.Affinity != nil {
		before = old.Affinity.NodeAffinity
	}
	if !narrower(spec.Affinity.NodeAffinity, before) {
		return field.ErrorList{field.Invalid(path.Child("affinity", "nodeAffinity", placement.RequiredTerms, "nodeSelectorTerms"), spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")}
	}
	spec.Affinity.NodeAffinity = before
	if old.Affinity == nil && equality.Semantic.DeepEqual(spec.Affinity, &corev1.Affinity{}) {
		spec.Affinity = nil
	}
	return nil
}

func narrower(now, before *corev1.NodeAffinity) bool {
	if before == nil || before.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return true
	}
	if now.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return false
	}
	terms, old := now.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms, before.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(terms) != len(old) {
		return false
	}
	for i := range old {
		if !startsWith(terms[i].MatchExpressions, old[i].MatchExpressions) || !startsWith(terms[i].MatchFields, old[i].MatchFields) {
			return false
		}
	}
	return true
}

func startsWith(now, before []corev1.NodeSelectorRequirement) bool {
	return len(now) >= len(before) && equality.Semantic.DeepEqual(now[:len(before)], before)
}
