package apps

import (
	"bytes"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec"
)

// workload is what all controllers of pods have.
type workload struct {
	kind     string // in messages: "ReplicaSet"
	empty    string // in the message about an empty selector: "deployment"
	invalid  string // in the message about a selector that is none; "" for no message beside that of its labels
	selector *metav1.LabelSelector
	template *corev1.PodTemplateSpec
	old      *corev1.PodTemplateSpec // the template before an update
}

// invalidSelector is said of a selector that cannot be one.
const invalidSelector = "invalid label selector"

// validateSelector checks that a selector selects something.
func (w *workload) validateSelector(path *field.Path) field.ErrorList {
	at := path.Child("selector")
	if w.selector == nil {
		return field.ErrorList{field.Required(at, "")}
	}
	errs := check.Selector(at, w.selector)
	if len(w.selector.MatchLabels)+len(w.selector.MatchExpressions) == 0 {
		errs = append(errs, field.Invalid(at, w.selector, fmt.Sprintf("empty selector is invalid for %s", w.empty)))
	}
	return errs
}

// validateTemplate checks the template and that the selector matches it.
func (w *workload) validateTemplate(path *field.Path) field.ErrorList {
	at := path.Child("template")
	errs, err := w.validateMatch(path)
	if err == nil || w.kind != "ReplicaSet" {
		errs = append(errs, podspec.ValidateTemplate(w.template, w.old, at)...)
		errs = append(errs, w.validateLife(at.Child("spec"))...)
	}
	return errs
}

// validateMatch checks that the selector matches the template; the error is that of a selector that is none.
func (w *workload) validateMatch(path *field.Path) (field.ErrorList, error) {
	var errs field.ErrorList
	selector, err := metav1.LabelSelectorAsSelector(w.selector)
	switch {
	case err != nil:
		if w.invalid != "" {
			errs = append(errs, field.Invalid(path.Child("selector"), w.selector, strings.TrimSpace(w.invalid)))
		}
	case w.selector == nil || !selector.Empty():
		if !selector.Matches(labels.Set(w.template.Labels)) {
			errs = append(errs, field.Invalid(path.Child("template", "metadata", "labels"), w.template.Labels, "`selector` does not match template `labels`"))
		}
	}
	return errs, err
}

func (w *workload) validateLife(path *field.Path) field.ErrorList {
	spec := &w.template.Spec
	errs := podspec.OnlyAlways(spec.RestartPolicy, path.Child("restartPolicy"))
	if spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(path.Child("activeDeadlineSeconds"), fmt.Sprintf("activeDeadlineSeconds in %s is not Supported", w.kind)))
	}
	return errs
}

func validateHistory(limit *int32, path *field.Path) field.ErrorList {
	if limit == nil {
		return nil
	}
	return check.NonNegative(path.Child("revisionHistoryLimit"), *limit)
}

// validateShare checks a number that may be given in percent of the replicas.
func validateShare(value intstr.IntOrString, path *field.Path) field.ErrorList {
	if value.Type == intstr.Int {
		return check.NonNegative(path, value.IntValue())
	}
	return check.Messages(path, value, validation.IsValidPercent(value.StrVal))
}

// percent of a share, and whether it is one.
func percent(value intstr.IntOrString) (int, bool) {
	if value.Type != intstr.String || len(validation.IsValidPercent(value.StrVal)) > 0 {
		return 0, false
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&value, 100, false)
	return n, err == nil
}

func notAboveAll(value intstr.IntOrString, path *field.Path) field.ErrorList {
	if n, ok := percent(value); ok && n > 100 {
		return field.ErrorList{field.Invalid(path, value, "must not be greater than 100%")}
	}
	return nil
}

func isZero(value *intstr.IntOrString) bool {
	if value == nil {
		return true
	}
	if n, ok := percent(*value); ok {
		return n == 0
	}
	return value.Type == intstr.String || value.IntVal == 0
}

func validateReplicaSet(r *appsv1.ReplicaSet) field.ErrorList {
	return validateWholeReplicaSet(r, nil)
}

// validateWholeReplicaSet checks a set whose template was old, or nil, before.
func validateWholeReplicaSet(r *appsv1.ReplicaSet, old *corev1.PodTemplateSpec) field.ErrorList {
	path := field.NewPath("spec")
	w := &workload{kind: "ReplicaSet", empty: "deployment", invalid: invalidSelector, selector: r.Spec.Selector, template: &r.Spec.Template, old: old}
	errs := check.NonNegative(path.Child("replicas"), ptr.Deref(r.Spec.Replicas, 0))
	errs = append(errs, check.NonNegative(path.Child("minReadySeconds"), r.Spec.MinReadySeconds)...)
	errs = append(errs, w.validateSelector(path)...)
	return append(errs, w.validateTemplate(path)...)
}

func validateReplicaSetUpdate(r, old *appsv1.ReplicaSet) field.ErrorList {
	return append(validateWholeReplicaSet(r, &old.Spec.Template), check.Immutable(field.NewPath("spec", "selector"), r.Spec.Selector, old.Spec.Selector)...)
}

func validateDeployment(d *appsv1.Deployment) field.ErrorList {
	return validateWholeDeployment(d, nil)
}

// validateWholeDeployment checks a deployment whose template was old, or nil, before.
func validateWholeDeployment(d *appsv1.Deployment, old *corev1.PodTemplateSpec) field.ErrorList {
	path := field.NewPath("spec")
	spec := &d.Spec
	w := &workload{kind: "ReplicaSet", empty: "deployment", invalid: invalidSelector, selector: spec.Selector, template: &spec.Template, old: old}
	errs := check.NonNegative(path.Child("replicas"), ptr.Deref(spec.Replicas, 0))
	errs = append(errs, w.validateSelector(path)...)
	errs = append(errs, w.validateTemplate(path)...)
	errs = append(errs, validateDeploymentStrategy(&spec.Strategy, path.Child("strategy"))...)
	errs = append(errs, check.NonNegative(path.Child("minReadySeconds"), spec.MinReadySeconds)...)
	errs = append(errs, validateHistory(spec.RevisionHistoryLimit, path)...)
	if deadline := spec.ProgressDeadlineSeconds; deadline != nil {
		at := path.Child("progressDeadlineSeconds")
		errs = append(errs, check.NonNegative(at, *deadline)...)
		if *deadline <= spec.MinReadySeconds {
			errs = append(errs, field.Invalid(at, *deadline, "must be greater than minReadySeconds"))
		}
	}
	return errs
}

func validateDeploymentUpdate(d, old *appsv1.Deployment) field.ErrorList {
	return append(validateWholeDeployment(d, &old.Spec.Template), check.Immutable(field.NewPath("spec", "selector"), d.Spec.Selector, old.Spec.Selector)...)
}

// deploymentStrategyText is how a strategy is printed when it is unknown.
type deploymentStrategyText struct {
	Type          appsv1.DeploymentStrategyType
	RollingUpdate *appsv1.RollingUpdateDeployment
}

func validateDeploymentStrategy(strategy *appsv1.DeploymentStrategy, path *field.Path) field.ErrorList {
	rolling, at := strategy.RollingUpdate, path.Child("rollingUpdate")
	switch strategy.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if rolling != nil {
			return field.ErrorList{field.Forbidden(at, "may not be specified when strategy `type` is 'Recreate'")}
		}
	case appsv1.RollingUpdateDeploymentStrategyType:
		if rolling == nil {
			return field.ErrorList{field.Required(at, "this should be defaulted and never be nil")}
		}
		unavailable, surge := *rolling.MaxUnavailable, *rolling.MaxSurge
		errs := validateShare(unavailable, at.Child("maxUnavailable"))
		errs = append(errs, validateShare(surge, at.Child("maxSurge"))...)
		if isZero(&unavailable) && isZero(&surge) {
			errs = append(errs, field.Invalid(at.Child("maxUnavailable"), unavailable, "may not be 0 when `maxSurge` is 0"))
		}
		return append(errs, notAboveAll(unavailable, at.Child("maxUnavailable"))...)
	default:
		return field.ErrorList{field.NotSupported(path, deploymentStrategyText(*strategy), []string{"Recreate", "RollingUpdate"})}
	}
	return nil
}

func validateControllerRevision(r *appsv1.ControllerRevision) field.ErrorList {
	errs := check.NonNegative(field.NewPath("revision"), r.Revision)
	data := bytes.TrimSpace(r.Data.Raw)
	switch {
	case len(data) == 0 && r.Data.Object == nil:
		errs = append(errs, field.Required(field.NewPath("data"), "data is mandatory"))
	case len(data) > 0 && data[0] != '{':
		errs = append(errs, field.Required(field.NewPath("data"), "data must be a valid JSON object"))
	}
	return errs
}

func validateControllerRevisionUpdate(r, old *appsv1.ControllerRevision) field.ErrorList {
	return append(check.NonNegative(field.NewPath("revision"), r.Revision), check.Immutable(field.NewPath("data"), r.Data, old.Data)...)
}
