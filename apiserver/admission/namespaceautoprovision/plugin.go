package namespaceautoprovision

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var namespaces = schema.GroupResource{Resource: "namespaces"}

// Creator makes namespaces.
type Creator interface {
	CreateNamespace(ctx context.Context, namespace *corev1.Namespace) error
}

// Plugin is NamespaceAutoProvision, which is off unless asked for.
type Plugin struct {
	Lister  admission.Lister
	Creator Creator
}

// Admit makes the namespace, unless it is a dry run.
func (p *Plugin) Admit(ctx context.Context, a *admission.Attributes) error {
	if a.DryRun || a.Operation != admission.Create || !a.Resource.Namespaced || a.Namespace == "" {
		return nil
	}
	_, ok, err := auth.Find[*corev1.Namespace](ctx, p.Lister, namespaces, "", a.Namespace)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if ok {
		return nil
	}
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: a.Namespace}}
	if err := p.Creator.CreateNamespace(ctx, made); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating namespace %s: %w", a.Namespace, err)
	}
	return nil
}
