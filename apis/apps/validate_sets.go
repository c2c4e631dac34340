package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

func validateDaemonSet(d *appsv1.DaemonSet) field.ErrorList {
	return validateWholeDaemonSet(d, nil)
}

// validateWholeDaemonSet checks a set whose template was old, or nil, before.
func validateWholeDaemonSet(d *appsv1.DaemonSet, old *corev1.PodTemplateSpec) field.ErrorList {
	path := field.NewPath("spec")
	spec := &d.Spec
	w := &workload{kind: "DaemonSet", empty: "daemonset", selector: spec.Selector, template: &spec.Template, old: old}
	errs := check.Selector(path.Child("selector"), spec.Selector)
	if selector := spec.Selector; selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		errs = append(errs, field.Invalid(path.Child("selector"), selector, "empty selector is invalid for daemonset"))
	}
	errs = append(errs, w.validateTemplate(path)...)
	errs = append(errs, check.NonNegative(path.Child("minReadySeconds"), spec.MinReadySeconds)...)
	errs = append(errs, validateDaemonSetStrategy(&spec.UpdateStrategy, path.Child("updateStrategy"))...)
	return append(errs, validateHistory(spec.RevisionHistoryLimit, path)...)
}

func validateDaemonSetUpdate(d, old *appsv1.DaemonSet) field.ErrorList {
	return append(check.Immutable(field.NewPath("spec", "selector"), d.Spec.Selector, old.Spec.Selector), validateWholeDaemonSet(d, &old.Spec.Template)...)
}

// daemonSetStrategyText is how a strategy is printed when it is unknown.
type daemonSetStrategyText struct {
	Type          appsv1.DaemonSetUpdateStrategyType
	RollingUpdate *appsv1.RollingUpdateDaemonSet
}

func validateDaemonSetStrategy(strategy *appsv1.DaemonSetUpdateStrategy, path *field.Path) field.ErrorList {
	at := path.Child("rollingUpdate")
	switch strategy.Type {
	case appsv1.OnDeleteDaemonSetStrategyType:
		return nil
	case appsv1.RollingUpdateDaemonSetStrategyType:
		if strategy.RollingUpdate == nil {
			return field.ErrorList{field.Required(at, "")}
		}
		return validateDaemonSetRolling(strategy.RollingUpdate, at)
	}
	return field.ErrorList{field.NotSupported(path, daemonSetStrategyText(*strategy), []string{"RollingUpdate", "OnDelete"})}
}

func validateDaemonSetRolling(rolling *appsv1.RollingUpdateDaemonSet, path *field.Path) field.ErrorList {
	unavailable, surge := ptr.Deref(rolling.MaxUnavailable, intstr.IntOrString{}), ptr.Deref(rolling.MaxSurge, intstr.IntOrString{})
	errs := validateShare(unavailable, path.Child("maxUnavailable"))
	errs = append(errs, notAboveAll(unavailable, path.Child("maxUnavailable"))...)
	errs = append(errs, validateShare(surge, path.Child("maxSurge"))...)
	errs = append(errs, notAboveAll(surge, path.Child("maxSurge"))...)
	switch {
	case isZero(&unavailable) && isZero(&surge):
		errs = append(errs, field.Required(path.Child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))
	case !isZero(&unavailable) && !isZero(&surge):
		errs = append(errs, field.Invalid(path.Child("maxSurge"), surge, "may not be set when maxUnavailable is non-zero"))
	}
	return errs
}

func validateStatefulSet(s *appsv1.StatefulSet) field.ErrorList {
	var errs field.ErrorList
	at := field.NewPath("spec", "volumeClaimTemplates")
	for i := range s.Spec.VolumeClaimTemplates {
		errs = append(errs, volumes.ValidateClaimSpec(&s.Spec.VolumeClaimTemplates[i].Spec, at.Index(i).Child("spec"))...)
	}
	return append(errs, validateStatefulSetSpec(s, nil)...)
}

// validateStatefulSetSpec checks all but the claims. They and the service may not change, so that in the update of
// a set, which was old before, they are not judged again.
func validateStatefulSetSpec(s, old *appsv1.StatefulSet) field.ErrorList {
	path := field.NewPath("spec")
	spec := &s.Spec
	w := &workload{kind: "StatefulSet", empty: "statefulset", invalid: " ", selector: spec.Selector, template: &spec.Template}
	var errs field.ErrorList
	switch spec.PodManagementPolicy {
	case "":
		errs = append(errs, field.Required(path.Child("podManagementPolicy"), ""))
	case appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement:
	default:
		errs = append(errs, field.Invalid(path.Child("podManagementPolicy"), spec.PodManagementPolicy, "must be 'OrderedReady' or 'Parallel'"))
	}
	errs = append(errs, validateStatefulSetStrategy(&spec.UpdateStrategy, path.Child("updateStrategy"))...)
	errs = append(errs, validateRetention(spec.PersistentVolumeClaimRetentionPolicy, path.Child("persistentVolumeClaimRetentionPolicy"))...)
	errs = append(errs, check.NonNegative(path.Child("replicas"), ptr.Deref(spec.Replicas, 0))...)
	errs = append(errs, check.NonNegative(path.Child("minReadySeconds"), spec.MinReadySeconds)...)
	if spec.Ordinals != nil {
		errs = append(errs, check.NonNegative(path.Child("ordinals", "start"), spec.Ordinals.Start)...)
	}
	if spec.ServiceName != "" && old == nil {
		errs = append(errs, check.Messages(path.Child("serviceName"), spec.ServiceName, validation.IsDNS1123Label(spec.ServiceName))...)
	}
	errs = append(errs, w.validateSelector(path)...)
	mismatch, _ := w.validateMatch(path)
	errs = append(errs, mismatch...)
	errs = append(errs, validateStatefulSetPods(s, old)...)
	errs = append(errs, podspec.ValidateTemplateMeta(w.template, path.Child("template"))...)
	return append(errs, w.validateLife(path.Child("template", "spec"))...)
}

// validateStatefulSetPods checks the pods that a set makes. What is wrong with them is not held against the update of
// a set that was wrong before, which could be stored when less was checked.
func validateStatefulSetPods(s, old *appsv1.StatefulSet) field.ErrorList {
	var before *corev1.PodTemplateSpec
	if old != nil {
		before = &old.Spec.Template
	}
	errs := podspec.ValidateTemplate(podsOf(&s.Spec), before, field.NewPath("spec", "template"))
	if len(errs) > 0 && old != nil && old != s && len(validateStatefulSetSpec(old, old)) > 0 {
		return nil
	}
	return errs
}

// podsOf a set are as its template says, but that the set names them, and that the claims which are made for them come
// first, in the place of volumes of the same names.
func podsOf(spec *appsv1.StatefulSetSpec) *corev1.PodTemplateSpec {
	out := spec.Template
	out.Spec.Hostname, out.Spec.Subdomain, out.Spec.Volumes = "", "", nil
	names := sets.New[string]()
	for i := range spec.VolumeClaimTemplates {
		name := spec.VolumeClaimTemplates[i].Name
		if names.Has(name) {
			continue
		}
		names.Insert(name)
		source := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
		out.Spec.Volumes = append(out.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
	}
	for _, volume := range spec.Template.Spec.Volumes {
		if !names.Has(volume.Name) {
			out.Spec.Volumes = append(out.Spec.Volumes, volume)
		}
	}
	return &out
}

const statefulSetMayChange = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

func validateStatefulSetUpdate(s, old *appsv1.StatefulSet) field.ErrorList {
	errs := validateStatefulSetSpec(s, old)
	copied := old.Spec.DeepCopy()
	copied.Replicas = s.Spec.Replicas
	copied.Ordinals = s.Spec.Ordinals
	copied.Template = s.Spec.Template
	copied.UpdateStrategy = s.Spec.UpdateStrategy
	copied.RevisionHistoryLimit = s.Spec.RevisionHistoryLimit
	copied.PersistentVolumeClaimRetentionPolicy = s.Spec.PersistentVolumeClaimRetentionPolicy
	copied.MinReadySeconds = s.Spec.MinReadySeconds
	if !equality.Semantic.DeepEqual(*copied, s.Spec) {
		errs = append(errs, field.Forbidden(field.NewPath("spec"), statefulSetMayChange))
	}
	return errs
}

// statefulSetStrategyText is how a strategy is printed when it is unknown.
type statefulSetStrategyText struct {
	Type          appsv1.StatefulSetUpdateStrategyType
	RollingUpdate *statefulSetRollingText
}

type statefulSetRollingText struct {
	Partition      *int32
	MaxUnavailable *intstr.IntOrString
}

func validateStatefulSetStrategy(strategy *appsv1.StatefulSetUpdateStrategy, path *field.Path) field.ErrorList {
	at := path.Child("rollingUpdate")
	rolling := strategy.RollingUpdate
	switch strategy.Type {
	case "":
		return field.ErrorList{field.Required(path, "")}
	case appsv1.OnDeleteStatefulSetStrategyType:
		if rolling != nil {
			return field.ErrorList{field.Invalid(at, (*statefulSetRollingText)(rolling), "only allowed for updateStrategy 'RollingUpdate'")}
		}
		return nil
	case appsv1.RollingUpdateStatefulSetStrategyType:
		if rolling == nil {
			return nil
		}
		errs := check.NonNegative(at.Child("partition"), ptr.Deref(rolling.Partition, 0))
		if rolling.MaxUnavailable != nil {
			errs = append(errs, validateShare(*rolling.MaxUnavailable, at.Child("maxUnavailable"))...)
			errs = append(errs, notAboveAll(*rolling.MaxUnavailable, at.Child("maxUnavailable"))...)
			if isZero(rolling.MaxUnavailable) {
				errs = append(errs, field.Invalid(at.Child("maxUnavailable"), *rolling.MaxUnavailable, "cannot be 0"))
			}
		}
		return errs
	}
	return field.ErrorList{field.Invalid(path, statefulSetStrategyText{strategy.Type, (*statefulSetRollingText)(rolling)}, "must be 'RollingUpdate' or 'OnDelete'")}
}

func validateRetention(policy *appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy, path *field.Path) field.ErrorList {
	if policy == nil {
		return nil
	}
	errs := check.OneOf(path.Child("whenDeleted"), policy.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType)
	return append(errs, check.OneOf(path.Child("whenScaled"), policy.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType, appsv1.DeletePersistentVolumeClaimRetentionPolicyType)...)
}

// count is a number of replicas in a status.
type count struct {
	name  string
	value int32
}

// validateCounts checks that no count of a status is negative.
func validateCounts(path *field.Path, counts ...count) field.ErrorList {
	var errs field.ErrorList
	for _, c := range counts {
		errs = append(errs, check.NonNegative(path.Child(c.name), c.value)...)
	}
	return errs
}

// validateShares checks that no count of some of the replicas is greater than that of all. The last two are those that are ready, and of
// these the available ones.
func validateShares(path *field.Path, all int32, some, ready, available count) field.ErrorList {
	var errs field.ErrorList
	for _, c := range []count{some, ready, available} {
		if c.value > all {
			errs = append(errs, field.Invalid(path.Child(c.name), c.value, "cannot be greater than status.replicas"))
		}
	}
	if available.value > ready.value {
		errs = append(errs, field.Invalid(path.Child(available.name), available.value, "cannot be greater than readyReplicas"))
	}
	return errs
}

func validateReplicaSetStatus(r, _ *appsv1.ReplicaSet) field.ErrorList {
	path, s := field.NewPath("status"), &r.Status
	labeled := count{"fullyLabeledReplicas", s.FullyLabeledReplicas}
	ready, available := count{"readyReplicas", s.ReadyReplicas}, count{"availableReplicas", s.AvailableReplicas}
	errs := validateCounts(path, count{"replicas", s.Replicas}, labeled, ready, available)
	errs = append(errs, check.NonNegative(path.Child("observedGeneration"), s.ObservedGeneration)...)
	return append(errs, validateShares(path, s.Replicas, labeled, ready, available)...)
}

func validateDeploymentStatus(d, _ *appsv1.Deployment) field.ErrorList {
	path, s := field.NewPath("status"), &d.Status
	updated := count{"updatedReplicas", s.UpdatedReplicas}
	ready, available := count{"readyReplicas", s.ReadyReplicas}, count{"availableReplicas", s.AvailableReplicas}
	errs := check.NonNegative(path.Child("observedGeneration"), s.ObservedGeneration)
	errs = append(errs, validateCounts(path, count{"replicas", s.Replicas}, updated, ready, available, count{"unavailableReplicas", s.UnavailableReplicas})...)
	return append(errs, validateShares(path, s.Replicas, updated, ready, available)...)
}
