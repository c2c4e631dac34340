package namespacelifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

var (
	namespaces = schema.GroupResource{Resource: "namespaces"}
	immortal   = []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic}
)

// Plugin is NamespaceLifecycle.
type Plugin struct {
	Lister admission.Lister
}

// Admit refuses early, before other plugins look at an object that has no place to be.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	if a.Operation == admission.Delete && a.GroupResource() == namespaces && slices.Contains(immortal, a.Name) {
		return admission.Forbidden(a, errors.New("this namespace may not be deleted"))
	}
	if !a.Resource.Namespaced || a.Operation == admission.Delete || isAccessReview(a) {
		return nil
	}
	namespace, err := admission.FindNamespace(ctx, p.Lister, a.Namespace)
	if err != nil {
		return err
	}
	if a.Operation != admission.Create || namespace.Status.Phase != corev1.NamespaceTerminating && namespace.DeletionTimestamp == nil {
		return nil
	}
	return terminating(a)
}

// isAccessReview says that a review may ask about a namespace that is not there.
func isAccessReview(a *admission.Attributes) bool {
	return a.GroupResource() == schema.GroupResource{Group: "authorization.k8s.io", Resource: "localsubjectaccessreviews"}
}

func terminating(a *admission.Attributes) error {
	err := admission.Forbidden(a, fmt.Errorf("unable to create new content in namespace %s because it is being terminated", a.Namespace))
	var status *apierrors.StatusError
	if errors.As(err, &status) {
		status.ErrStatus.Details.Causes = append(status.ErrStatus.Details.Causes, metav1.StatusCause{
			Type:    corev1.NamespaceTerminatingCause,
			Message: fmt.Sprintf("namespace %s is being terminated", a.Namespace),
			Field:   "metadata.namespace",
		})
	}
	return err
}
