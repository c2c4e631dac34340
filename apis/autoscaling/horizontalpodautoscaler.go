package autoscaling

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

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
		}, {
			Name:        "v1",
			New:         resource.New[autoscalingv1.HorizontalPodAutoscaler],
			NewList:     resource.NewList[autoscalingv1.HorizontalPodAutoscalerList],
			ToStorage:   resource.Convert(fromV1),
			FromStorage: resource.Convert(toV1),
		}},
		StoragePrefix:            "horizontalpodautoscalers",
		AllowUnconditionalUpdate: true,
	}, func(h *autoscalingv2.HorizontalPodAutoscaler) (*autoscalingv2.HorizontalPodAutoscalerSpec, *autoscalingv2.HorizontalPodAutoscalerStatus) {
		return &h.Spec, &h.Status
	}, resource.NoGeneration())
}
