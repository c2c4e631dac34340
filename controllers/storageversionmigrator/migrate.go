package storageversionmigrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	migrationv1beta1 "k8s.io/api/storagemigration/v1beta1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// page is how many objects are read at a time.
const page = 500

// needed are the verbs by which a resource is migrated, as they are asked for.
func needed() []string { return []string{"update", "patch", "list"} }

// served is a resource in the version in which it is migrated: any is stored anew.
type served struct {
	schema.GroupVersionResource
	kind string
}

func (s served) list() *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(s.GroupVersion().WithKind(s.kind + "List"))
	return list
}

// refusal says why a resource can never be migrated.
type refusal struct{ error }

func asRefusal(err error, as **refusal) bool { return errors.As(err, as) }

// kindOf finds a resource in the version that the server likes best.
func (c *Controller) kindOf(wanted metav1.GroupResource) (served, error) {
	lists, err := c.Discovery.ServerPreferredResources()
	for _, list := range lists {
		version, wrong := schema.ParseGroupVersion(list.GroupVersion)
		if wrong != nil || version.Group != wanted.Group {
			continue
		}
		for i := range list.APIResources {
			found := &list.APIResources[i]
			if found.Name != wanted.Resource {
				continue
			}
			s := served{version.WithResource(found.Name), found.Kind}
			if slices.ContainsFunc(needed(), func(verb string) bool { return !slices.Contains(found.Verbs, verb) }) {
				return s, &refusal{fmt.Errorf("resource %q does not support discovery operations: %v", s.GroupVersionResource.String(), needed())}
			}
			return s, nil
		}
	}
	if err != nil {
		return served{}, fmt.Errorf("asking for what is served: %w", err)
	}
	return served{}, fmt.Errorf("%s is not served", wanted.String())
}

// migrate has all objects stored anew that may not have been since the migration began, and says of a custom resource that there are no
// others any more.
func (c *Controller) migrate(ctx context.Context, m *migrationv1beta1.StorageVersionMigration, kind served) error {
	began, err := strconv.ParseUint(m.Status.ResourceVersion, 10, 64)
	if err != nil {
		return err
	}
	definition, err := c.definition(ctx, kind)
	if err != nil {
		return err
	}
	if definition != nil {
		began = 0 // its storage version may have changed since then
	}
	next := ""
	for {
		list, err := c.read(ctx, kind, next)
		if err != nil {
			return err
		}
		for i := range list.Items {
			if err := c.touch(ctx, kind, &list.Items[i], began); err != nil {
				return err
			}
		}
		if next = list.Continue; next == "" {
			return c.prune(ctx, definition)
		}
	}
}

// read returns the objects that come next. Where the list has grown too old for its next page it goes on from the latest state, for what
// came or changed meanwhile is stored as it should be: a list that were begun again each time might never end.
func (c *Controller) read(ctx context.Context, kind served, next string) (*metav1.PartialObjectMetadataList, error) {
	for {
		list := kind.list()
		err := c.Live.List(ctx, list, client.Limit(page), client.Continue(next))
		var status apierrors.APIStatus
		if !apierrors.IsResourceExpired(err) || !errors.As(err, &status) || status.Status().Continue == "" || status.Status().Continue == next {
			return list, err
		}
		next = status.Status().Continue
	}
}

// touch has an object stored anew: by a change of nothing, which holds for this object alone, as it is. What somebody else has written
// meanwhile is stored as it should be, and what is gone needs nothing.
func (c *Controller) touch(ctx context.Context, kind served, object *metav1.PartialObjectMetadata, began uint64) error {
	if at, err := strconv.ParseUint(object.ResourceVersion, 10, 64); err == nil && began > 0 && at > began {
		return nil
	}
	same, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": object.UID, "resourceVersion": object.ResourceVersion}})
	if err != nil {
		return err
	}
	target := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}
	target.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.kind))
	err = c.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, same))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("storing %s/%s: %w", object.Namespace, object.Name, err)
	}
	return nil
}

// definition of a custom resource; nil for what is built in.
func (c *Controller) definition(ctx context.Context, kind served) (*apiextensionsv1.CustomResourceDefinition, error) {
	found := &apiextensionsv1.CustomResourceDefinition{}
	err := c.Live.Get(ctx, client.ObjectKey{Name: kind.GroupResource().String()}, found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return found, err
}

// prune leaves of the stored versions the one that everything has been stored in. A definition that has changed meanwhile has the migration
// made again.
func (c *Controller) prune(ctx context.Context, definition *apiextensionsv1.CustomResourceDefinition) error {
	if definition == nil {
		return nil
	}
	for i := range definition.Spec.Versions {
		if version := &definition.Spec.Versions[i]; version.Storage && !slices.Equal(definition.Status.StoredVersions, []string{version.Name}) {
			body, err := json.Marshal(map[string]any{
				"metadata": map[string]any{"uid": definition.UID, "resourceVersion": definition.ResourceVersion},
				"status":   map[string]any{"storedVersions": []string{version.Name}},
			})
			if err != nil {
				return err
			}
			return c.Client.Status().Patch(ctx, definition, client.RawPatch(types.MergePatchType, body))
		}
	}
	return nil
}
