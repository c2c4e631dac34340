package autoscaling

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"horizontalpodautoscalers": {
			"Reference": autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["scaleTargetRef"],
			"Targets":   autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["metrics"],
			"MinPods":   autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["minReplicas"],
			"MaxPods":   autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()["maxReplicas"],
			"Replicas":  autoscalingv2.HorizontalPodAutoscalerStatus{}.SwaggerDoc()["currentReplicas"],
		},
	}
}
