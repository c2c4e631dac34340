package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func events() *resource.Resource {
	return &resource.Resource{
		Name:       "events",
		Singular:   "event",
		Kind:       "Event",
		ShortNames: []string{"ev"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Event],
			NewList: resource.NewList[corev1.EventList],
		}},
		Columns:                  eventColumns(),
		Cells:                    resource.Row(eventCells),
		FieldNames:               eventFieldNames(),
		Fields:                   resource.Select(eventFields),
		Validate:                 resource.Check(ValidateEvent),
		ValidateUpdate:           resource.CheckUpdate(validateEventUpdate),
		ValidateName:             resource.PathSegmentName,
		StoragePrefix:            "events",
		TTL:                      time.Hour,
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}
