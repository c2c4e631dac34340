package auth

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Forbidden is the answer to a request that was not authorized.
func Forbidden(a authorizer.Attributes, reason string) *apierrors.StatusError {
	message := forbiddenMessage(a)
	if reason != "" {
		message += ": " + reason
	}
	if !a.IsResourceRequest() {
		status := apierrors.NewForbidden(schema.GroupResource{}, "", nil)
		status.ErrStatus.Message = "forbidden: " + message
		status.ErrStatus.Details = &metav1.StatusDetails{}
		return status
	}
	of := schema.GroupResource{Group: a.GetAPIGroup(), Resource: a.GetResource()}
	return apierrors.NewForbidden(of, a.GetName(), fmt.Errorf("%s", message))
}

func forbiddenMessage(a authorizer.Attributes) string {
	username := ""
	if u := a.GetUser(); u != nil {
		username = u.GetName()
	}
	if !a.IsResourceRequest() {
		return fmt.Sprintf("User %q cannot %s path %q", username, a.GetVerb(), a.GetPath())
	}
	what := a.GetResource()
	if sub := a.GetSubresource(); sub != "" {
		what += "/" + sub
	}
	where := "at the cluster scope"
	if namespace := a.GetNamespace(); namespace != "" {
		where = fmt.Sprintf("in the namespace %q", namespace)
	}
	return fmt.Sprintf("User %q cannot %s resource %q in API group %q %s", username, a.GetVerb(), what, a.GetAPIGroup(), where)
}
