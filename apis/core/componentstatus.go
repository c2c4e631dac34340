package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func componentStatuses() *resource.Resource {
	return &resource.Resource{
		Name:       "componentstatuses",
		Singular:   "componentstatus",
		Kind:       "ComponentStatus",
		ShortNames: []string{"cs"},
		Versions: []resource.Version{{
			Name:       "v1",
			New:        resource.New[corev1.ComponentStatus],
			NewList:    resource.NewList[corev1.ComponentStatusList],
			Deprecated: "v1 ComponentStatus is deprecated in v1.19+",
		}},
		Verbs:   []string{"get", "list"},
		Columns: resource.Columns("Name:name", "Status", "Message", "Error"),
		Cells:   resource.Row(componentStatusCells),
		Virtual: true,
	}
}

func componentStatusCells(s *corev1.ComponentStatus, _ time.Time) []any {
	status, message, problem := "Unknown", "", ""
	for _, c := range s.Conditions {
		if c.Type != corev1.ComponentHealthy {
			continue
		}
		status = "Unhealthy"
		if c.Status == corev1.ConditionTrue {
			status = "Healthy"
		}
		message, problem = c.Message, c.Error
		break
	}
	return []any{s.Name, status, message, problem}
}
