package bootstrap

import (
	"reflect"
	"slices"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	rbacvalidation "k8s.io/component-helpers/auth/rbac/validation"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Stamp sets what the server sets on a new object: UID, creation time and, for kinds that count them, the
// generation. It is for those who store bootstrap objects without passing them through the server.
func Stamp(obj resource.Object, now time.Time) {
	obj.SetUID(uuid.NewUUID())
	obj.SetCreationTimestamp(metav1.NewTime(now.Truncate(time.Second)))
	switch obj := obj.(type) {
	case *schedulingv1.PriorityClass, *flowcontrolv1.PriorityLevelConfiguration:
		obj.SetGeneration(1)
	case *flowcontrolv1.FlowSchema:
		obj.SetGeneration(1)
		for i := range obj.Status.Conditions {
			obj.Status.Conditions[i].LastTransitionTime = obj.CreationTimestamp
		}
	}
}

// Reconcile brings a stored object up to date with the wanted one of Objects. It returns a changed copy,
// or nil when there is nothing to do: roles keep what was added to them and get what they lack, as long as their
// annotation rbac.authorization.kubernetes.io/autoupdate is not "false". replace says that the object
// must be deleted and created anew (a binding to another role).
func Reconcile(stored, wanted resource.Object) (changed resource.Object, replace bool) {
	if stored.GetAnnotations()[rbacv1.AutoUpdateAnnotationKey] == "false" {
		return nil, false
	}
	switch wanted := wanted.(type) {
	case *rbacv1.ClusterRole:
		if stored, ok := stored.(*rbacv1.ClusterRole); ok {
			return clusterRole(stored, wanted), false
		}
	case *rbacv1.Role:
		if stored, ok := stored.(*rbacv1.Role); ok {
			result := stored.DeepCopy()
			more := mergeMeta(result, wanted)
			result.Rules, more = mergeRules(result.Rules, wanted.Rules, more)
			return orNil(result, more), false
		}
	case *rbacv1.ClusterRoleBinding:
		if stored, ok := stored.(*rbacv1.ClusterRoleBinding); ok {
			result := stored.DeepCopy()
			more := mergeMeta(result, wanted)
			result.Subjects, more = mergeSubjects(result.Subjects, wanted.Subjects, more)
			return orNil(result, more), stored.RoleRef != wanted.RoleRef
		}
	case *rbacv1.RoleBinding:
		if stored, ok := stored.(*rbacv1.RoleBinding); ok {
			result := stored.DeepCopy()
			more := mergeMeta(result, wanted)
			result.Subjects, more = mergeSubjects(result.Subjects, wanted.Subjects, more)
			return orNil(result, more), stored.RoleRef != wanted.RoleRef
		}
	case *flowcontrolv1.FlowSchema:
		if stored, ok := stored.(*flowcontrolv1.FlowSchema); ok {
			return flowSchema(stored, wanted), false
		}
	case *flowcontrolv1.PriorityLevelConfiguration:
		if stored, ok := stored.(*flowcontrolv1.PriorityLevelConfiguration); ok {
			return priorityLevel(stored, wanted), false
		}
	}
	return nil, false
}

func orNil[T resource.Object](obj T, changed bool) resource.Object {
	if !changed {
		return nil
	}
	return obj
}

// clusterRole leaves the rules of aggregating roles to the controller that aggregates.
func clusterRole(stored, wanted *rbacv1.ClusterRole) resource.Object {
	result := stored.DeepCopy()
	changed := mergeMeta(result, wanted)
	if wanted.AggregationRule != nil {
		if result.AggregationRule == nil {
			result.AggregationRule = &rbacv1.AggregationRule{}
		}
		for _, selector := range wanted.AggregationRule.ClusterRoleSelectors {
			selectors := result.AggregationRule.ClusterRoleSelectors
			if !slices.ContainsFunc(selectors, func(s metav1.LabelSelector) bool { return reflect.DeepEqual(s, selector) }) {
				result.AggregationRule.ClusterRoleSelectors = append(selectors, selector)
				changed = true
			}
		}
		return orNil(result, changed)
	}
	result.Rules, changed = mergeRules(result.Rules, wanted.Rules, changed)
	return orNil(result, changed)
}

func mergeRules(have, want []rbacv1.PolicyRule, changed bool) ([]rbacv1.PolicyRule, bool) {
	covered, missing := rbacvalidation.Covers(have, want)
	if covered {
		return have, changed
	}
	return append(slices.Clone(have), missing...), true
}

func mergeSubjects(have, want []rbacv1.Subject, changed bool) ([]rbacv1.Subject, bool) {
	for _, subject := range want {
		if !slices.Contains(have, subject) {
			have, changed = append(slices.Clone(have), subject), true
		}
	}
	return have, changed
}

// mergeMeta adds labels and annotations that are missing; those that the user has set stay.
func mergeMeta(result, wanted resource.Object) bool {
	labels, moreLabels := mergeMap(result.GetLabels(), wanted.GetLabels())
	annotations, moreAnnotations := mergeMap(result.GetAnnotations(), wanted.GetAnnotations())
	result.SetLabels(labels)
	result.SetAnnotations(annotations)
	return moreLabels || moreAnnotations
}

func mergeMap(have, want map[string]string) (map[string]string, bool) {
	changed := false
	for key, value := range want {
		if _, ok := have[key]; ok {
			continue
		}
		if have == nil {
			have = map[string]string{}
		}
		have[key], changed = value, true
	}
	return have, changed
}

// flowSchema keeps the specification as it was meant to be unless a user took it over.
func flowSchema(stored, wanted *flowcontrolv1.FlowSchema) resource.Object {
	if !autoUpdated(stored) || reflect.DeepEqual(stored.Spec, wanted.Spec) {
		return nil
	}
	result := stored.DeepCopy()
	result.Spec = *wanted.Spec.DeepCopy()
	result.Generation++
	return result
}

func priorityLevel(stored, wanted *flowcontrolv1.PriorityLevelConfiguration) resource.Object {
	if !autoUpdated(stored) || reflect.DeepEqual(stored.Spec, wanted.Spec) {
		return nil
	}
	result := stored.DeepCopy()
	result.Spec = *wanted.Spec.DeepCopy()
	result.Generation++
	return result
}

// autoUpdated: the annotation says it; without one, an object that was never changed is ours.
func autoUpdated(obj resource.Object) bool {
	value, ok := obj.GetAnnotations()[autoUpdateSpec]
	if !ok {
		return obj.GetGeneration() == 1
	}
	return value == "true"
}
