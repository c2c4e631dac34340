package quota

import (
	"fmt"
	"math"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
)

func validateLimitRange(l *corev1.LimitRange) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[corev1.LimitType]()
	for i := range l.Spec.Limits {
		item, path := &l.Spec.Limits[i], field.NewPath("spec", "limits").Index(i)
		errs = append(errs, validateLimitType(item.Type, path.Child("type"))...)
		if seen.Has(item.Type) {
			errs = append(errs, field.Duplicate(path.Child("type"), item.Type))
		}
		seen.Insert(item.Type)
		errs = append(errs, validateLimitItem(item, path)...)
	}
	return errs
}

func validateLimitType(kind corev1.LimitType, path *field.Path) field.ErrorList {
	if errs := check.QualifiedName(path, string(kind)); len(errs) > 0 {
		return errs
	}
	switch kind {
	case corev1.LimitTypePod, corev1.LimitTypeContainer, corev1.LimitTypePersistentVolumeClaim:
		return nil
	}
	if !strings.Contains(string(kind), "/") {
		return field.ErrorList{field.Invalid(path, kind, "must be a standard limit type or fully qualified")}
	}
	return nil
}

// amounts is a list of a limit, by the name of its field.
type amounts struct {
	name string
	list corev1.ResourceList
}

func validateLimitItem(item *corev1.LimitRangeItem, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	lists := []amounts{{"max", item.Max}, {"min", item.Min}}
	defaults := []amounts{{"default", item.Default}, {"defaultRequest", item.DefaultRequest}}
	if item.Type == corev1.LimitTypePod {
		for _, of := range defaults {
			if len(of.list) > 0 {
				errs = append(errs, field.Forbidden(path.Child(of.name), "may not be specified when `type` is 'Pod'"))
			}
		}
	} else {
		lists = append(lists, defaults...)
	}
	names := sets.New[corev1.ResourceName]()
	for _, of := range append(lists, amounts{"maxLimitRequestRatio", item.MaxLimitRequestRatio}) {
		errs = append(errs, check.Entries(of.list, func(resource corev1.ResourceName, _ apiresource.Quantity) field.ErrorList {
			names.Insert(resource)
			return validateLimitResource(item.Type, resource, path.Child(of.name).Key(string(resource)))
		})...)
	}
	if item.Type == corev1.LimitTypePersistentVolumeClaim {
		_, hasMin := item.Min[corev1.ResourceStorage]
		_, hasMax := item.Max[corev1.ResourceStorage]
		if !hasMin && !hasMax {
			errs = append(errs, field.Required(path.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	for _, name := range sets.List(names) {
		errs = append(errs, validateLimits(item, name, path)...)
	}
	return errs
}

func validateLimitResource(kind corev1.LimitType, name corev1.ResourceName, path *field.Path) field.ErrorList {
	if kind == corev1.LimitTypePod || kind == corev1.LimitTypeContainer {
		return resources.ValidateContainerName(name, path)
	}
	return resources.ValidateName(name, path)
}

// limit is one value of a resource, if it is set.
type limit struct {
	name  string
	value apiresource.Quantity
	set   bool
}

func limitOf(name string, list corev1.ResourceList, resource corev1.ResourceName) limit {
	value, ok := list[resource]
	return limit{name, value, ok}
}

// validateLimits checks that minimum, default request, default limit and maximum stand in this order.
func validateLimits(item *corev1.LimitRangeItem, name corev1.ResourceName, path *field.Path) field.ErrorList {
	key := string(name)
	low, high := limitOf("min", item.Min, name), limitOf("max", item.Max, name)
	request, usual := limitOf("default request", item.DefaultRequest, name), limitOf("default", item.Default, name)
	if item.Type == corev1.LimitTypePod {
		request.set, usual.set = false, false
	}
	var errs field.ErrorList
	order := func(a, b limit, at *field.Path, shown limit, detail string) {
		if a.set && b.set && a.value.Cmp(b.value) > 0 {
			errs = append(errs, field.Invalid(at.Key(key), shown.value.String(), detail))
		}
	}
	minAt, requestAt, defaultAt := path.Child("min"), path.Child("defaultRequest"), path.Child("default")
	order(low, high, minAt, low, fmt.Sprintf("min value %s is greater than max value %s", low.value.String(), high.value.String()))
	order(low, request, requestAt, request, fmt.Sprintf("min value %s is greater than default request value %s", low.value.String(), request.value.String()))
	order(request, high, requestAt, request, fmt.Sprintf("default request value %s is greater than max value %s", request.value.String(), high.value.String()))
	order(request, usual, requestAt, request, fmt.Sprintf("default request value %s is greater than default limit value %s", request.value.String(), usual.value.String()))
	order(low, usual, defaultAt, low, fmt.Sprintf("min value %s is greater than default value %s", low.value.String(), usual.value.String()))
	order(usual, high, defaultAt, high, fmt.Sprintf("default value %s is greater than max value %s", usual.value.String(), high.value.String()))
	return append(errs, validateRatio(item, name, path.Child("maxLimitRequestRatio").Key(key))...)
}

func validateRatio(item *corev1.LimitRangeItem, name corev1.ResourceName, path *field.Path) field.ErrorList {
	ratio, ok := item.MaxLimitRequestRatio[name]
	if !ok {
		return nil
	}
	var errs field.ErrorList
	if ratio.Cmp(*apiresource.NewQuantity(1, apiresource.DecimalSI)) < 0 {
		errs = append(errs, field.Invalid(path, ratio.String(), fmt.Sprintf("ratio %s is less than 1", ratio.String())))
	}
	low, hasMin := item.Min[name]
	high, hasMax := item.Max[name]
	if hasMin && hasMax && !low.IsZero() {
		allowed := high.AsApproximateFloat64() / low.AsApproximateFloat64()
		if max(high.Value(), low.Value()) < math.MaxInt64/1000 {
			allowed = float64(high.MilliValue()) / float64(low.MilliValue())
		}
		if asked := float64(ratio.Value()); ratio.Value() < 1<<53 && low.Value() < 1<<53 && asked > allowed {
			errs = append(errs, field.Invalid(path, ratio.String(), fmt.Sprintf("ratio %s is greater than max/min = %f", ratio.String(), allowed)))
		}
	}
	return errs
}

func validateLimitRangeUpdate(l, _ *corev1.LimitRange) field.ErrorList {
	return validateLimitRange(l)
}
