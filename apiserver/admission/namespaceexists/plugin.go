package namespaceexists

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var namespaces = schema.GroupResource{Resource: "namespaces"}

// Plugin is NamespaceExists, which is off unless asked for: NamespaceLifecycle does the same and more.
type Plugin struct {
	Lister admission.Lister
}

// Validate looks for the namespace.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if !a.Resource.Namespaced || a.Namespace == "" || a.Operation == admission.Connect {
		return nil
	}
	_, ok, err := auth.Find[*corev1.Namespace](ctx, p.Lister, namespaces, "", a.Namespace)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if !ok {
		return apierrors.NewNotFound(namespaces, a.Namespace)
	}
	return nil
}
