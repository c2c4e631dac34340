package events

import (
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func events(stored *resource.Resource) *resource.Resource {
	return &resource.Resource{
		Group:      eventsv1.GroupName,
		Name:       "events",
		Singular:   "event",
		Kind:       "Event",
		ShortNames: []string{"ev"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:        "v1",
			New:         resource.New[eventsv1.Event],
			NewList:     resource.NewList[eventsv1.EventList],
			ToStorage:   resource.Convert(toStorage),
			FromStorage: resource.Convert(fromStorage),
		}},
		FieldNames:               []string{"regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid", "regarding.apiVersion", "regarding.resourceVersion", "regarding.fieldPath", "reason", "reportingController", "type"},
		Fields:                   resource.Select(eventFields),
		StoragePrefix:            stored.StoragePrefix,
		Validate:                 resource.Check(validateEvent),
		AnyFinalizers:            true,
		NoPropagation:            true,
		ValidateUpdate:           resource.CheckUpdate(validateEventUpdate),
		StoredIn:                 stored,
		TTL:                      stored.TTL,
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
		Columns:                  stored.Columns,
		Cells:                    stored.Cells,
	}
}

func toStorage(e *eventsv1.Event) (*corev1.Event, error) {
	out := &corev1.Event{
		ObjectMeta:          e.ObjectMeta,
		InvolvedObject:      e.Regarding,
		Reason:              e.Reason,
		Message:             e.Note,
		Source:              e.DeprecatedSource,
		FirstTimestamp:      e.DeprecatedFirstTimestamp,
		LastTimestamp:       e.DeprecatedLastTimestamp,
		Count:               e.DeprecatedCount,
		Type:                e.Type,
		EventTime:           e.EventTime,
		Action:              e.Action,
		Related:             e.Related,
		ReportingController: e.ReportingController,
		ReportingInstance:   e.ReportingInstance,
	}
	if e.Series != nil {
		out.Series = &corev1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out, nil
}

func fromStorage(e *corev1.Event) (*eventsv1.Event, error) {
	out := &eventsv1.Event{
		ObjectMeta:               e.ObjectMeta,
		Regarding:                e.InvolvedObject,
		Reason:                   e.Reason,
		Note:                     e.Message,
		DeprecatedSource:         e.Source,
		DeprecatedFirstTimestamp: e.FirstTimestamp,
		DeprecatedLastTimestamp:  e.LastTimestamp,
		DeprecatedCount:          e.Count,
		Type:                     e.Type,
		EventTime:                e.EventTime,
		Action:                   e.Action,
		Related:                  e.Related,
		ReportingController:      e.ReportingController,
		ReportingInstance:        e.ReportingInstance,
	}
	if e.Series != nil {
		out.Series = &eventsv1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	return out, nil
}

func eventFields(e *corev1.Event) fields.Set {
	return fields.Set{
		"regarding.kind":            e.InvolvedObject.Kind,
		"regarding.namespace":       e.InvolvedObject.Namespace,
		"regarding.name":            e.InvolvedObject.Name,
		"regarding.uid":             string(e.InvolvedObject.UID),
		"regarding.apiVersion":      e.InvolvedObject.APIVersion,
		"regarding.resourceVersion": e.InvolvedObject.ResourceVersion,
		"regarding.fieldPath":       e.InvolvedObject.FieldPath,
		"reason":                    e.Reason,
		"reportingController":       e.ReportingController,
		"type":                      e.Type,
	}
}
