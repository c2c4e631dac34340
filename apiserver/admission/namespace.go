package admission

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// FindNamespace returns the namespace of that name, or a Status that says why there is none.
func FindNamespace(ctx context.Context, lister Lister, name string) (*corev1.Namespace, error) {
	of := schema.GroupResource{Resource: "namespaces"}
	namespace, found, err := auth.Find[*corev1.Namespace](ctx, lister, of, "", name)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if !found {
		return nil, apierrors.NewNotFound(of, name)
	}
	return namespace, nil
}
