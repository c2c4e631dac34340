package autoscaling

import (
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
)

func metricTypes() []autoscalingv2.MetricSourceType {
	return []autoscalingv2.MetricSourceType{
		autoscalingv2.ContainerResourceMetricSourceType,
		autoscalingv2.ExternalMetricSourceType,
		autoscalingv2.ObjectMetricSourceType,
		autoscalingv2.PodsMetricSourceType,
		autoscalingv2.ResourceMetricSourceType,
	}
}

func validateMetrics(spec *autoscalingv2.HorizontalPodAutoscalerSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	outside := false
	for i := range spec.Metrics {
		metric := &spec.Metrics[i]
		errs = append(errs, validateMetric(metric, path.Index(i))...)
		outside = outside || metric.Type == autoscalingv2.ObjectMetricSourceType || metric.Type == autoscalingv2.ExternalMetricSourceType
	}
	if ptr.Deref(spec.MinReplicas, 1) == 0 && !outside {
		errs = append(errs, field.Forbidden(path, "must specify at least one Object or External metric to support scaling to zero replicas"))
	}
	return errs
}

func validateMetric(m *autoscalingv2.MetricSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if m.Type == "" {
		errs = append(errs, field.Required(path.Child("type"), "must specify a metric source type"))
	}
	errs = append(errs, check.OneOf(path.Child("type"), m.Type, metricTypes()...)...)
	sources := metricSources(m)
	known := false
	for _, source := range sources {
		known = known || source.kind == m.Type
		at := path.Child(source.field)
		switch {
		case source.kind == m.Type && !source.given:
			errs = append(errs, field.Required(at, "must populate information for the given metric source"))
		case source.kind != m.Type && source.given && slices.Contains(metricTypes(), m.Type):
			errs = append(errs, field.Forbidden(at, "must populate the given metric source only"))
		}
		if source.given {
			errs = append(errs, source.check(at)...)
		}
	}
	if !known {
		errs = append(errs, field.NotSupported(path.Child("type"), m.Type, metricTypes()))
	}
	return errs
}

type metricSource struct {
	kind  autoscalingv2.MetricSourceType
	field string
	given bool
	check func(*field.Path) field.ErrorList
}

func metricSources(m *autoscalingv2.MetricSpec) []metricSource {
	return []metricSource{
		{autoscalingv2.ObjectMetricSourceType, "object", m.Object != nil, func(at *field.Path) field.ErrorList { return validateObjectMetric(m.Object, at) }},
		{autoscalingv2.PodsMetricSourceType, "pods", m.Pods != nil, func(at *field.Path) field.ErrorList { return validatePodsMetric(m.Pods, at) }},
		{autoscalingv2.ResourceMetricSourceType, "resource", m.Resource != nil, func(at *field.Path) field.ErrorList {
			return append(requireName(string(m.Resource.Name), at), validateUsage(&m.Resource.Target, at)...)
		}},
		{autoscalingv2.ContainerResourceMetricSourceType, "containerResource", m.ContainerResource != nil, func(at *field.Path) field.ErrorList {
			return validateContainerMetric(m.ContainerResource, at)
		}},
		{autoscalingv2.ExternalMetricSourceType, "external", m.External != nil, func(at *field.Path) field.ErrorList { return validateExternalMetric(m.External, at) }},
	}
}

func validateObjectMetric(m *autoscalingv2.ObjectMetricSource, path *field.Path) field.ErrorList {
	errs := validateReference(&m.DescribedObject, path.Child("describedObject"))
	errs = append(errs, validateMetricName(m.Metric.Name, path)...)
	errs = append(errs, validateMetricTarget(&m.Target, path.Child("target"))...)
	if m.Target.Value == nil && m.Target.AverageValue == nil {
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must set either a target value or averageValue"))
	}
	return errs
}

func validatePodsMetric(m *autoscalingv2.PodsMetricSource, path *field.Path) field.ErrorList {
	errs := validateMetricName(m.Metric.Name, path)
	errs = append(errs, validateMetricTarget(&m.Target, path.Child("target"))...)
	if m.Target.AverageValue == nil || m.Target.AverageValue.Sign() != 1 {
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must specify a positive target averageValue"))
	}
	return errs
}

func validateExternalMetric(m *autoscalingv2.ExternalMetricSource, path *field.Path) field.ErrorList {
	errs := validateMetricName(m.Metric.Name, path)
	errs = append(errs, validateMetricTarget(&m.Target, path.Child("target"))...)
	switch {
	case m.Target.Value == nil && m.Target.AverageValue == nil:
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must set either a target value for metric or a per-pod target"))
	case m.Target.Value != nil && m.Target.AverageValue != nil:
		errs = append(errs, field.Forbidden(path.Child("target", "value"), "may not set both a target value for metric and a per-pod target"))
	}
	return errs
}

func validateContainerMetric(m *autoscalingv2.ContainerResourceMetricSource, path *field.Path) field.ErrorList {
	errs := requireName(string(m.Name), path)
	if m.Container == "" {
		errs = append(errs, field.Required(path.Child("container"), "must specify a container"))
	} else {
		errs = append(errs, check.Label(path.Child("container"), m.Container)...)
	}
	if m.Name != "" {
		errs = append(errs, resources.ValidateContainerName(m.Name, path.Child("name"))...)
	}
	return append(errs, validateUsage(&m.Target, path)...)
}

func requireName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path.Child("name"), "must specify a resource name")}
	}
	return nil
}

// validateUsage checks the target for a resource of pods or containers.
func validateUsage(target *autoscalingv2.MetricTarget, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("target")
	errs = append(errs, validateMetricTarget(target, at)...)
	switch {
	case target.AverageUtilization == nil && target.AverageValue == nil:
		errs = append(errs, field.Required(at.Child("averageUtilization"), "must set either a target raw value or a target utilization"))
	case target.AverageUtilization != nil && target.AverageValue != nil:
		errs = append(errs, field.Forbidden(at.Child("averageValue"), "may not set both a target raw value and a target utilization"))
	}
	return errs
}

func validateMetricName(name string, path *field.Path) field.ErrorList {
	at := path.Child("metric", "name")
	if name == "" {
		return field.ErrorList{field.Required(at, "must specify a metric name")}
	}
	return check.Segment(at, name)
}

func validateMetricTarget(t *autoscalingv2.MetricTarget, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("type")
	if t.Type == "" {
		errs = append(errs, field.Required(at, "must specify a metric target type"))
	}
	switch t.Type {
	case autoscalingv2.UtilizationMetricType, autoscalingv2.ValueMetricType, autoscalingv2.AverageValueMetricType:
	default:
		errs = append(errs, field.Invalid(at, t.Type, "must be either Utilization, Value, or AverageValue"))
	}
	errs = append(errs, validatePositive(t.Value, path.Child("value"))...)
	errs = append(errs, validatePositive(t.AverageValue, path.Child("averageValue"))...)
	if t.AverageUtilization != nil && *t.AverageUtilization < 1 {
		errs = append(errs, field.Invalid(path.Child("averageUtilization"), *t.AverageUtilization, "must be greater than 0"))
	}
	return errs
}

func validatePositive(value *apiresource.Quantity, path *field.Path) field.ErrorList {
	if value == nil || value.Sign() == 1 {
		return nil
	}
	return field.ErrorList{field.Invalid(path, value.String(), "must be positive")}
}
