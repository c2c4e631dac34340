package events

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/core"
)

// validateEvent is stricter than core's: an event of this group has a time and a known type.
func validateEvent(e *corev1.Event) field.ErrorList {
	errs := core.ValidateEvent(e)
	if e.EventTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("eventTime"), ""))
	}
	if e.Type != corev1.EventTypeNormal && e.Type != corev1.EventTypeWarning {
		errs = append(errs, field.Invalid(field.NewPath("type"), "", fmt.Sprintf("has invalid value: %v", e.Type)))
	}
	for name, unset := range map[string]bool{
		"firstTimestamp": e.FirstTimestamp.IsZero(),
		"lastTimestamp":  e.LastTimestamp.IsZero(),
		"count":          e.Count == 0,
		"source":         e.Source == corev1.EventSource{},
	} {
		if !unset {
			errs = append(errs, field.Invalid(field.NewPath(name), "", "needs to be unset"))
		}
	}
	return errs
}

// validateEventUpdate lets only the series of an event change.
func validateEventUpdate(e, old *corev1.Event) field.ErrorList {
	errs := core.ValidateEvent(e)
	for _, f := range []struct {
		name        string
		now, before any
	}{
		{"involvedObject", e.InvolvedObject, old.InvolvedObject},
		{"reason", e.Reason, old.Reason},
		{"message", e.Message, old.Message},
		{"source", e.Source, old.Source},
		{"firstTimestamp", e.FirstTimestamp, old.FirstTimestamp},
		{"lastTimestamp", e.LastTimestamp, old.LastTimestamp},
		{"count", e.Count, old.Count},
		{"reportingController", e.ReportingController, old.ReportingController},
		{"type", e.Type, old.Type},
		{"action", e.Action, old.Action},
		{"related", e.Related, old.Related},
	} {
		errs = append(errs, check.Immutable(field.NewPath(f.name), f.now, f.before)...)
	}
	return errs
}
