package autoscaling

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func horizontalPodAutoscalerCells(h *autoscalingv2.HorizontalPodAutoscaler, now time.Time) []any {
	minimum := resource.Unset
	if h.Spec.MinReplicas != nil {
		minimum = strconv.Itoa(int(*h.Spec.MinReplicas))
	}
	return []any{
		h.Name,
		h.Spec.ScaleTargetRef.Kind + "/" + h.Spec.ScaleTargetRef.Name,
		targets(h.Spec.Metrics, h.Status.CurrentMetrics),
		minimum,
		int64(h.Spec.MaxReplicas),
		int64(h.Status.CurrentReplicas),
		resource.AgeOf(h, now),
	}
}

// targets shows the first two metrics as "current/wanted".
func targets(specs []autoscalingv2.MetricSpec, statuses []autoscalingv2.MetricStatus) string {
	const shown = 2
	var out []string
	for i := range specs {
		current := &autoscalingv2.MetricStatus{}
		if i < len(statuses) {
			current = &statuses[i]
		}
		out = append(out, metricText(&specs[i], current))
	}
	if len(out) == 0 {
		return resource.None
	}
	return strings.Join(out[:min(shown, len(out))], ", ") + resource.More(len(out)-shown)
}

func metricText(m *autoscalingv2.MetricSpec, s *autoscalingv2.MetricStatus) string {
	none := autoscalingv2.MetricValueStatus{}
	switch {
	case m.External != nil:
		if s.External != nil {
			none = s.External.Current
		}
		return valueText(&m.External.Target, &none)
	case m.Pods != nil:
		if s.Pods != nil {
			none = s.Pods.Current
		}
		return quantityText(none.AverageValue) + "/" + m.Pods.Target.AverageValue.String()
	case m.Object != nil:
		if s.Object != nil {
			none = s.Object.Current
		}
		return valueText(&m.Object.Target, &none)
	case m.Resource != nil:
		if s.Resource != nil {
			none = s.Resource.Current
		}
		return usageText(m.Resource.Name, &m.Resource.Target, &none)
	case m.ContainerResource != nil:
		if s.ContainerResource != nil {
			none = s.ContainerResource.Current
		}
		return usageText(m.ContainerResource.Name, &m.ContainerResource.Target, &none)
	}
	return "<unknown type>"
}

func valueText(target *autoscalingv2.MetricTarget, current *autoscalingv2.MetricValueStatus) string {
	if target.AverageValue != nil {
		return quantityText(current.AverageValue) + "/" + target.AverageValue.String() + " (avg)"
	}
	return quantityText(current.Value) + "/" + quantityText(target.Value)
}

func usageText(name corev1.ResourceName, target *autoscalingv2.MetricTarget, current *autoscalingv2.MetricValueStatus) string {
	if target.AverageValue != nil {
		return fmt.Sprintf("%s: %s/%s", name, quantityText(current.AverageValue), target.AverageValue.String())
	}
	return fmt.Sprintf("%s: %s/%s", name, percentText(current.AverageUtilization), percentText(target.AverageUtilization))
}

func quantityText(q *apiresource.Quantity) string {
	if q == nil {
		return resource.Unknown
	}
	return q.String()
}

func percentText(p *int32) string {
	if p == nil {
		return resource.Unknown
	}
	return fmt.Sprintf("%d%%", *p)
}
