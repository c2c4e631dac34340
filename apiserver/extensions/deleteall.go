package extensions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// errHeld says that nobody can delete what is left before a version is served.
var errHeld = errors.New("objects have finalizers, which cannot be removed while no version is served")

// deleteUnserved deletes the objects of a definition that no version is served of, where nothing but the store knows them.
func (e *Extensions) deleteUnserved(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) error {
	prefix, held := prefixOf(crd), 0
	if _, found := e.Cache.Resource(prefix); found {
		return fmt.Errorf("deleting all below %s: that is served by another definition", prefix)
	}
	for from, more := "", true; more; {
		page, err := e.Server.Store.Range(ctx, storage.Range{Prefix: prefix, From: from, Limit: storage.MaxOps})
		if err != nil {
			return err
		}
		var ops []storage.Op
		for _, record := range page.Records {
			obj := &metav1.PartialObjectMetadata{}
			if err := json.Unmarshal(record.Value, obj); err != nil {
				return fmt.Errorf("reading %s: %w", record.Key, err)
			}
			if len(obj.Finalizers) > 0 {
				held++
			} else {
				ops = append(ops, storage.Op{Key: record.Key, Expected: record.Revision})
			}
			from = record.Key + "\x00"
		}
		if len(ops) > 0 {
			if _, err := e.Server.Store.Commit(ctx, ops...); err != nil {
				return err
			}
		}
		more = page.More
	}
	if held > 0 {
		return fmt.Errorf("%d %w", held, errHeld)
	}
	return nil
}
