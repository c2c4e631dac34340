package event

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// validate checks what events of both groups have in common.
func validate(e *corev1.Event) field.ErrorList {
	var errs field.ErrorList
	if e.InvolvedObject.Namespace != e.Namespace && !(e.InvolvedObject.Namespace == "" && e.Namespace == "default") {
		errs = append(errs, field.Invalid(field.NewPath("involvedObject", "namespace"), e.InvolvedObject.Namespace, "does not match event.namespace"))
	}
	if e.EventTime.IsZero() {
		return errs
	}
	return append(errs, validateEventFields(e)...)
}

// validateEventFields checks what an event must say that is of the newer kind, by its time.
func validateEventFields(e *corev1.Event) field.ErrorList {
	const longest = 128
	var errs field.ErrorList
	if e.ReportingController == "" {
		errs = append(errs, field.Required(field.NewPath("reportingComponent"), ""))
	}
	errs = append(errs, check.QualifiedName(field.NewPath("reportingComponent"), e.ReportingController)...)
	for _, f := range []struct{ name, value string }{{"reportingInstance", e.ReportingInstance}, {"action", e.Action}, {"reason", e.Reason}} {
		if f.value == "" {
			errs = append(errs, field.Required(field.NewPath(f.name), ""))
		}
		if len(f.value) > longest {
			errs = append(errs, field.Invalid(field.NewPath(f.name), "", fmt.Sprintf("can have at most %v characters", longest)))
		}
	}
	const longestMessage = 1024
	if len(e.Message) > longestMessage {
		errs = append(errs, field.Invalid(field.NewPath("message"), "", fmt.Sprintf("can have at most %v characters", longestMessage)))
	}
	return errs
}

func validateUpdate(e, _ *corev1.Event) field.ErrorList {
	return validate(e)
}
