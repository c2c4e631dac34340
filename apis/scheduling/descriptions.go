package scheduling

import (
	schedulingv1 "k8s.io/api/scheduling/v1"
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"priorityclasses": {
			"Value":            schedulingv1.PriorityClass{}.SwaggerDoc()["value"],
			"Global-Default":   schedulingv1.PriorityClass{}.SwaggerDoc()["globalDefault"],
			"PreemptionPolicy": schedulingv1.PriorityClass{}.SwaggerDoc()["preemptionPolicy"],
		},
	}
}
