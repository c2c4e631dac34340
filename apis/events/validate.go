package events

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// The longest texts of an event.
const (
	maxReportingInstance = 128
	maxAction            = 128
	maxReason            = 128
	maxNote              = 1024
	minSeries            = 2
)

// validateEvent checks a new event, in the names that its fields have where it is stored.
func validateEvent(e *corev1.Event) field.ErrorList {
	errs := validateNamespace(e)
	if e.EventTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("eventTime"), ""))
	} else {
		errs = append(errs, validateReporter(e)...)
	}
	errs = append(errs, validateSeries(e.Series, field.NewPath("series"))...)
	if e.Type != corev1.EventTypeNormal && e.Type != corev1.EventTypeWarning {
		errs = append(errs, field.Invalid(field.NewPath("type"), "", "has invalid value: "+e.Type))
	}
	for _, part := range []struct {
		name  string
		given bool
	}{
		{"firstTimestamp", !e.FirstTimestamp.IsZero()},
		{"lastTimestamp", !e.LastTimestamp.IsZero()},
		{"count", e.Count != 0},
		{"source", e.Source != (corev1.EventSource{})},
	} {
		if part.given {
			errs = append(errs, field.Invalid(field.NewPath(part.name), "", "needs to be unset"))
		}
	}
	return errs
}

// objectText is how an object that an event is about is printed.
type objectText struct{ Kind, Namespace, Name, UID, APIVersion, ResourceVersion, FieldPath string }

func textOf(ref *corev1.ObjectReference) *objectText {
	if ref == nil {
		return nil
	}
	return &objectText{Kind: ref.Kind, Namespace: ref.Namespace, Name: ref.Name, UID: string(ref.UID),
		APIVersion: ref.APIVersion, ResourceVersion: ref.ResourceVersion, FieldPath: ref.FieldPath}
}

// validateEventUpdate lets only the series of an event change. A reason that changed is told twice.
func validateEventUpdate(e, old *corev1.Event) field.ErrorList {
	errs := validateNamespace(e)
	for _, part := range []struct {
		name       string
		value, was any
	}{
		{"involvedObject", textOf(&e.InvolvedObject), textOf(&old.InvolvedObject)},
		{"reason", e.Reason, old.Reason},
		{"message", e.Message, old.Message},
		{"source", e.Source, old.Source},
		{"firstTimestamp", e.FirstTimestamp, old.FirstTimestamp},
		{"lastTimestamp", e.LastTimestamp, old.LastTimestamp},
		{"count", e.Count, old.Count},
		{"reason", e.Reason, old.Reason},
		{"type", e.Type, old.Type},
		{"eventTime", e.EventTime, old.EventTime},
		{"action", e.Action, old.Action},
		{"related", textOf(e.Related), textOf(old.Related)},
		{"reportingController", e.ReportingController, old.ReportingController},
		{"reportingInstance", e.ReportingInstance, old.ReportingInstance},
	} {
		errs = append(errs, check.Immutable(field.NewPath(part.name), part.value, part.was)...)
	}
	return append(errs, validateSeries(e.Series, field.NewPath("series"))...)
}

// validateNamespace checks that an event about the cluster is in one of its own namespaces. One that has
// no time, as events once had none, must be where its object is.
func validateNamespace(e *corev1.Event) field.ErrorList {
	about := e.InvolvedObject.Namespace
	home := e.Namespace == metav1.NamespaceDefault || e.Namespace == metav1.NamespaceSystem
	if about == "" && home || about != "" && (about == e.Namespace || !e.EventTime.IsZero()) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("involvedObject", "namespace"), about, "does not match event.namespace")}
}

func validateReporter(e *corev1.Event) field.ErrorList {
	var errs field.ErrorList
	if e.ReportingController == "" {
		errs = append(errs, field.Required(field.NewPath("reportingController"), ""))
	}
	errs = append(errs, check.QualifiedName(field.NewPath("reportingController"), e.ReportingController)...)
	for _, part := range []struct {
		name, value string
		longest     int
	}{
		{"reportingInstance", e.ReportingInstance, maxReportingInstance},
		{"action", e.Action, maxAction},
		{"reason", e.Reason, maxReason},
	} {
		path := field.NewPath(part.name)
		if part.value == "" {
			errs = append(errs, field.Required(path, ""))
		}
		errs = append(errs, atMost(path, part.value, part.longest)...)
	}
	return append(errs, atMost(field.NewPath("message"), e.Message, maxNote)...)
}

func atMost(path *field.Path, value string, longest int) field.ErrorList {
	if len(value) <= longest {
		return nil
	}
	return field.ErrorList{field.Invalid(path, "", fmt.Sprintf("can have at most %d characters", longest))}
}

func validateSeries(s *corev1.EventSeries, path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	var errs field.ErrorList
	if s.Count < minSeries {
		errs = append(errs, field.Invalid(path.Child("count"), "", "should be at least 2"))
	}
	if s.LastObservedTime.IsZero() {
		errs = append(errs, field.Required(path.Child("lastObservedTime"), ""))
	}
	return errs
}
