package autoscaling

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func horizontalPodAutoscalers() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      autoscalingv2.GroupName,
		Name:       "horizontalpodautoscalers",
		Singular:   "horizontalpodautoscaler",
		Kind:       "HorizontalPodAutoscaler",
		ShortNames: []string{"hpa"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v2",
			New:     resource.New[autoscalingv2.HorizontalPodAutoscaler],
			NewList: resource.NewList[autoscalingv2.HorizontalPodAutoscalerList],
			Default: resource.Defaulter(defaultHorizontalPodAutoscaler),
		}, {
			Name:        "v1",
			New:         resource.New[autoscalingv1.HorizontalPodAutoscaler],
			NewList:     resource.NewList[autoscalingv1.HorizontalPodAutoscalerList],
			Default:     resource.Defaulter(defaultV1),
			ToStorage:   resource.Convert(fromV1),
			FromStorage: resource.Convert(toV1),
		}},
		Columns:                  resource.Columns("Name:name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"),
		Cells:                    resource.Row(horizontalPodAutoscalerCells),
		Validate:                 resource.Check(validateHorizontalPodAutoscaler),
		ValidateUpdate:           resource.CheckUpdate(validateHorizontalPodAutoscalerUpdate),
		StoragePrefix:            "horizontalpodautoscalers",
		AllowUnconditionalUpdate: true,
	}, func(h *autoscalingv2.HorizontalPodAutoscaler) (*autoscalingv2.HorizontalPodAutoscalerSpec, *autoscalingv2.HorizontalPodAutoscalerStatus) {
		return &h.Spec, &h.Status
	}, resource.NoGeneration(), resource.CheckStatus(validateHorizontalPodAutoscalerStatus))
}

// The share of the requested CPU that an autoscaler without metrics aims for, in percent.
const defaultUtilization int32 = 80

func defaultHorizontalPodAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	resource.SetPtr(&h.Spec.MinReplicas, 1)
	if len(h.Spec.Metrics) == 0 {
		h.Spec.Metrics = []autoscalingv2.MetricSpec{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{
				Name: corev1.ResourceCPU,
				Target: autoscalingv2.MetricTarget{
					Type:               autoscalingv2.UtilizationMetricType,
					AverageUtilization: ptr.To(defaultUtilization),
				},
			},
		}}
	}
	if h.Spec.Behavior != nil {
		defaultBehavior(h.Spec.Behavior)
	}
}

// defaultBehavior completes both directions: up by 4 pods or by doubling, at once; down to the minimum,
// after what was recommended within the stabilization window.
func defaultBehavior(b *autoscalingv2.HorizontalPodAutoscalerBehavior) {
	resource.SetPtr(&b.ScaleUp, autoscalingv2.HPAScalingRules{})
	resource.SetPtr(&b.ScaleUp.StabilizationWindowSeconds, 0)
	resource.SetPtr(&b.ScaleUp.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	if b.ScaleUp.Policies == nil {
		b.ScaleUp.Policies = []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
			{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
		}
	}
	resource.SetPtr(&b.ScaleDown, autoscalingv2.HPAScalingRules{})
	resource.SetPtr(&b.ScaleDown.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	if b.ScaleDown.Policies == nil {
		b.ScaleDown.Policies = []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
		}
	}
}
