package namespace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// content is what was found in a namespace, and what went wrong on the way.
type content struct {
	counts     map[schema.GroupResource]int
	finalizers map[string]int
	discovery  error
	deletion   []error
}

func (c *content) remaining() int {
	sum := 0
	for _, n := range c.counts {
		sum += n
	}
	return sum
}

func (c *content) err() error {
	return errors.Join(append(slices.Clone(c.deletion), c.discovery)...)
}

// kindOf is a namespaced resource that can be deleted.
type kindOf struct {
	gvk      schema.GroupVersionKind
	resource schema.GroupResource
	bulk     bool // has deletecollection
	list     bool
}

var pods = schema.GroupResource{Resource: "pods"}

// empty deletes all that is in a namespace and counts what is still there. Pods go first (KEP-5080): what they lean on,
// and what isolates them, stays until they are gone.
func (c *Controller) empty(ctx context.Context, namespace string) *content {
	found := &content{counts: map[schema.GroupResource]int{}, finalizers: map[string]int{}}
	kinds, err := c.kinds()
	found.discovery = err
	if at := slices.IndexFunc(kinds, func(kind kindOf) bool { return kind.resource == pods }); at > 0 {
		kinds[0], kinds[at] = kinds[at], kinds[0]
	}
	for _, kind := range kinds {
		c.emptyKind(ctx, namespace, kind, found)
		if found.counts[pods] > 0 {
			break
		}
	}
	return found
}

// kinds lists, by discovery, what a namespace can hold. An API service that is down is
// an error beside what the others have.
func (c *Controller) kinds() ([]kindOf, error) {
	lists, err := c.Discovery.ServerPreferredNamespacedResources()
	var kinds []kindOf
	for _, list := range lists {
		gv, parseErr := schema.ParseGroupVersion(list.GroupVersion)
		if parseErr != nil {
			continue
		}
		for _, resource := range list.APIResources {
			if !slices.Contains(resource.Verbs, "delete") || strings.Contains(resource.Name, "/") {
				continue
			}
			group, version := cmp.Or(resource.Group, gv.Group), cmp.Or(resource.Version, gv.Version)
			kinds = append(kinds, kindOf{
				gvk:      schema.GroupVersionKind{Group: group, Version: version, Kind: resource.Kind},
				resource: schema.GroupResource{Group: group, Resource: resource.Name},
				bulk:     slices.Contains(resource.Verbs, "deletecollection"),
				list:     slices.Contains(resource.Verbs, "list"),
			})
		}
	}
	return kinds, err
}

func (c *Controller) emptyKind(ctx context.Context, namespace string, kind kindOf, found *content) {
	if !kind.list {
		return
	}
	err := c.deleteKind(ctx, namespace, kind)
	if err == nil {
		err = c.count(ctx, namespace, kind, found)
	}
	if err != nil {
		found.deletion = append(found.deletion, err)
	}
}

func (c *Controller) deleteKind(ctx context.Context, namespace string, kind kindOf) error {
	items, err := c.items(ctx, namespace, kind)
	if err != nil || len(items) == 0 {
		return err
	}
	background := client.PropagationPolicy(metav1.DeletePropagationBackground)
	if kind.bulk {
		obj := &metav1.PartialObjectMetadata{}
		obj.SetGroupVersionKind(kind.gvk)
		err := c.Client.DeleteAllOf(ctx, obj, client.InNamespace(namespace), background)
		if err == nil || !unsupported(err) {
			return wrap(err, kind)
		}
	}
	for i := range items {
		items[i].SetGroupVersionKind(kind.gvk)
		if err := c.Client.Delete(ctx, &items[i], background); client.IgnoreNotFound(err) != nil {
			return wrap(err, kind)
		}
	}
	return nil
}

// count adds what is left of a kind to found.
func (c *Controller) count(ctx context.Context, namespace string, kind kindOf, found *content) error {
	items, err := c.items(ctx, namespace, kind)
	if err != nil {
		return err
	}
	if len(items) > 0 {
		found.counts[kind.resource] = len(items)
	}
	for i := range items {
		for _, finalizer := range items[i].Finalizers {
			found.finalizers[finalizer]++
		}
	}
	return nil
}

func (c *Controller) items(ctx context.Context, namespace string, kind kindOf) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind.gvk.GroupVersion().WithKind(kind.gvk.Kind + "List"))
	err := c.Live.List(ctx, list, client.InNamespace(namespace))
	if err != nil && !unsupported(err) && !meta.IsNoMatchError(err) {
		return nil, wrap(err, kind)
	}
	return list.Items, nil
}

// unsupported says that a resource is gone or does not know the verb.
func unsupported(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
}

func wrap(err error, kind kindOf) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("deleting %s: %w", kind.resource, err)
}
