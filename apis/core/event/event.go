package event

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Row of Events.
func Row() *resource.Resource {
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
		Columns:                  columns(),
		Cells:                    resource.Row(cells),
		FieldNames:               fieldNames(),
		Fields:                   resource.Select(fieldsOf),
		Validate:                 resource.Check(validate),
		AnyFinalizers:            true,
		NoPropagation:            true,
		ValidateUpdate:           resource.CheckUpdate(validateUpdate),
		ValidateName:             resource.PathSegmentName,
		StoragePrefix:            "events",
		TTL:                      time.Hour,
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}

func fieldNames() []string {
	return []string{
		"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid", "involvedObject.apiVersion",
		"involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type",
	}
}

func fieldsOf(e *corev1.Event) fields.Set {
	source := e.Source.Component
	if source == "" {
		source = e.ReportingController
	}
	return fields.Set{
		"involvedObject.kind":            e.InvolvedObject.Kind,
		"involvedObject.namespace":       e.InvolvedObject.Namespace,
		"involvedObject.name":            e.InvolvedObject.Name,
		"involvedObject.uid":             string(e.InvolvedObject.UID),
		"involvedObject.apiVersion":      e.InvolvedObject.APIVersion,
		"involvedObject.resourceVersion": e.InvolvedObject.ResourceVersion,
		"involvedObject.fieldPath":       e.InvolvedObject.FieldPath,
		"reason":                         e.Reason,
		"reportingComponent":             e.ReportingController,
		"source":                         source,
		"type":                           e.Type,
	}
}
