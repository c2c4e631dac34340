package admission

import (
	"net/http"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Is says whether the write is of one of the operations on the group's resource, by its main path
// (sub is empty) or the named subresource.
func (a *Attributes) Is(of schema.GroupResource, sub string, operations ...Operation) bool {
	if a.Resource == nil || a.Subresource != sub || a.Resource.Name != of.Resource || a.Resource.Group != of.Group {
		return false
	}
	for _, operation := range operations {
		if a.Operation == operation {
			return true
		}
	}
	return false
}

// GroupResource of the resource that is written.
func (a *Attributes) GroupResource() schema.GroupResource { return a.Resource.GroupResource() }

// Warning sends the client a warning.
func (a *Attributes) Warning(text string) {
	if a.Warn != nil {
		a.Warn(text)
	}
}

// ConfiguresAdmission says whether the write is to webhook configurations or policies: those are never asked about one another, for
// nobody could mend them then.
func (a *Attributes) ConfiguresAdmission() bool {
	return a.Resource.Group == admissionregistrationv1.GroupName && slices.Contains([]string{
		"mutatingwebhookconfigurations", "validatingwebhookconfigurations", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
		"validatingadmissionpolicies", "validatingadmissionpolicybindings",
	}, a.Resource.Name)
}

// AuditAnnotation adds to the audit event of the request.
func (a *Attributes) AuditAnnotation(key, value string) {
	if a.Annotate != nil {
		a.Annotate(key, value)
	}
}

// ObjectName is the best name there is for messages.
func (a *Attributes) ObjectName() string {
	if a.Name != "" {
		return a.Name
	}
	if a.Object != nil {
		if object, err := meta.Accessor(a.Object); err == nil {
			if name := object.GetName(); name != "" {
				return name
			}
			if prefix := object.GetGenerateName(); prefix != "" {
				return prefix
			}
		}
	}
	return "Unknown"
}

// Forbidden is a plugin's refusal: 403 with the reason behind the object's name.
func Forbidden(a *Attributes, reason error) error {
	if apierrors.IsForbidden(reason) {
		return reason
	}
	return apierrors.NewForbidden(a.GroupResource(), a.ObjectName(), reason)
}

// Failed is a refusal of which nothing is known but its words: 500 without a reason.
func Failed(reason error) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: reason.Error()}}
}
