package extensions

import (
	"context"
	"errors"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// prefixOf the keys of a definition's objects.
func prefixOf(crd *apiextensionsv1.CustomResourceDefinition) string {
	return storage.Root + crd.Spec.Group + "/" + crd.Status.AcceptedNames.Plural + "/"
}

// deleteAll asks for the deletion of the objects, a namespace at a time.
func (e *Extensions) deleteAll(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, keys sets.Set[string]) error {
	version := ""
	for _, v := range crd.Spec.Versions {
		if v.Served {
			version = v.Name
		}
	}
	namespaces := sets.New[string]()
	for key := range keys {
		namespace, _, found := strings.Cut(key, "/")
		if !found {
			namespace = ""
		}
		namespaces.Insert(namespace)
	}
	var failures []error
	for namespace := range namespaces {
		segments := []string{"apis", crd.Spec.Group, version}
		if namespace != "" {
			segments = append(segments, "namespaces", namespace)
		}
		err := e.Raw.Delete().AbsPath(append(segments, crd.Status.AcceptedNames.Plural)...).Do(ctx).Error()
		if err != nil && !apierrors.IsNotFound(err) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
