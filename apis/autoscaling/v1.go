package autoscaling

import (
	"encoding/json"
	"fmt"
	"maps"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// What v1 has no field for is kept as JSON in these annotations.
const (
	metricsAnnotation        = "autoscaling.alpha.kubernetes.io/metrics"
	currentMetricsAnnotation = "autoscaling.alpha.kubernetes.io/current-metrics"
	conditionsAnnotation     = "autoscaling.alpha.kubernetes.io/conditions"
	behaviorAnnotation       = "autoscaling.alpha.kubernetes.io/behavior"
)

func defaultV1(h *autoscalingv1.HorizontalPodAutoscaler) {
	resource.SetPtr(&h.Spec.MinReplicas, 1)
}

// fromV1 reads the annotations back into fields, and drops them. An annotation that cannot be read is dropped.
func fromV1(h *autoscalingv1.HorizontalPodAutoscaler) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	out := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: h.ObjectMeta,
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference(h.Spec.ScaleTargetRef),
			MinReplicas:    h.Spec.MinReplicas,
			MaxReplicas:    h.Spec.MaxReplicas,
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			ObservedGeneration: h.Status.ObservedGeneration,
			LastScaleTime:      h.Status.LastScaleTime,
			CurrentReplicas:    h.Status.CurrentReplicas,
			DesiredReplicas:    h.Status.DesiredReplicas,
		},
	}
	if current := h.Status.CurrentCPUUtilizationPercentage; current != nil {
		out.Status.CurrentMetrics = append(out.Status.CurrentMetrics, cpuStatus(*current))
	}
	readMetrics(h.Annotations[metricsAnnotation], &out.Spec.Metrics)
	if target := h.Spec.TargetCPUUtilizationPercentage; target != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, cpuMetric(*target))
	}
	readCurrentMetrics(h.Annotations[currentMetricsAnnotation], &out.Status.CurrentMetrics)
	readConditions(h.Annotations[conditionsAnnotation], &out.Status.Conditions)
	out.Spec.Behavior = readBehavior(h.Annotations[behaviorAnnotation])
	out.Annotations = withoutOwn(h.Annotations)
	defaultHorizontalPodAutoscaler(out)
	return out, nil
}

// toV1 writes what v1 has no field for into annotations.
func toV1(h *autoscalingv2.HorizontalPodAutoscaler) (*autoscalingv1.HorizontalPodAutoscaler, error) {
	out := &autoscalingv1.HorizontalPodAutoscaler{
		ObjectMeta: h.ObjectMeta,
		Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv1.CrossVersionObjectReference(h.Spec.ScaleTargetRef),
			MinReplicas:    h.Spec.MinReplicas,
			MaxReplicas:    h.Spec.MaxReplicas,
		},
		Status: autoscalingv1.HorizontalPodAutoscalerStatus{
			ObservedGeneration: h.Status.ObservedGeneration,
			LastScaleTime:      h.Status.LastScaleTime,
			CurrentReplicas:    h.Status.CurrentReplicas,
			DesiredReplicas:    h.Status.DesiredReplicas,
		},
	}
	values := map[string]any{}
	var metrics []autoscalingv1.MetricSpec
	for i := range h.Spec.Metrics {
		if target := cpuTarget(&h.Spec.Metrics[i]); target != nil && out.Spec.TargetCPUUtilizationPercentage == nil {
			out.Spec.TargetCPUUtilizationPercentage = target
			continue
		}
		metrics = append(metrics, metricToV1(&h.Spec.Metrics[i]))
	}
	var current []autoscalingv1.MetricStatus
	for i := range h.Status.CurrentMetrics {
		m := &h.Status.CurrentMetrics[i]
		if m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil && m.Resource.Name == corev1.ResourceCPU {
			out.Status.CurrentCPUUtilizationPercentage = m.Resource.Current.AverageUtilization
		}
		current = append(current, statusToV1(m))
	}
	setIf(values, metricsAnnotation, metrics, len(metrics) > 0)
	setIf(values, currentMetricsAnnotation, current, len(current) > 0)
	setIf(values, conditionsAnnotation, conditionsToV1(h.Status.Conditions), len(h.Status.Conditions) > 0)
	setIf(values, behaviorAnnotation, behaviorToText(h.Spec.Behavior), h.Spec.Behavior != nil)
	return out, annotate(out, values)
}

func setIf(values map[string]any, name string, value any, present bool) {
	if present {
		values[name] = value
	}
}

func annotate(out *autoscalingv1.HorizontalPodAutoscaler, values map[string]any) error {
	annotations := withoutOwn(out.Annotations)
	for name, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("writing annotation %s: %w", name, err)
		}
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[name] = string(text)
	}
	out.Annotations = annotations
	return nil
}

// withoutOwn copies annotations, without those of the conversion.
func withoutOwn(annotations map[string]string) map[string]string {
	out := maps.Clone(annotations)
	for _, name := range []string{metricsAnnotation, currentMetricsAnnotation, conditionsAnnotation, behaviorAnnotation} {
		delete(out, name)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func cpuMetric(percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{
			Name:   corev1.ResourceCPU,
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To(percent)},
		},
	}
}

func cpuStatus(percent int32) autoscalingv2.MetricStatus {
	return autoscalingv2.MetricStatus{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricStatus{
			Name:    corev1.ResourceCPU,
			Current: autoscalingv2.MetricValueStatus{AverageUtilization: ptr.To(percent)},
		},
	}
}

// cpuTarget is the CPU utilization that a metric aims for, nil when it is another metric.
func cpuTarget(m *autoscalingv2.MetricSpec) *int32 {
	if m.Type != autoscalingv2.ResourceMetricSourceType || m.Resource == nil || m.Resource.Name != corev1.ResourceCPU {
		return nil
	}
	return m.Resource.Target.AverageUtilization
}
