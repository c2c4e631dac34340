package clients

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// lazy is a client of controller-runtime that is made when it is first asked for what it alone can do. There is one for each of fifty
// controllers, most of which only ever write by inprocess.Client: to make them all is more than a millisecond of each start.
type lazy struct {
	scheme *runtime.Scheme
	mapper meta.RESTMapper
	made   func() (client.Client, error) // once
}

var _ client.Client = &lazy{}

func (l *lazy) with(do func(client.Client) error) error {
	made, err := l.made()
	if err != nil {
		return err
	}
	return do(made)
}

// Get implements client.Reader.
func (l *lazy) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	return l.with(func(c client.Client) error { return c.Get(ctx, key, obj, opts...) })
}

// List implements client.Reader.
func (l *lazy) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return l.with(func(c client.Client) error { return c.List(ctx, list, opts...) })
}

// Apply implements client.Writer.
func (l *lazy) Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	return l.with(func(c client.Client) error { return c.Apply(ctx, obj, opts...) })
}

// Create implements client.Writer.
func (l *lazy) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	return l.with(func(c client.Client) error { return c.Create(ctx, obj, opts...) })
}

// Delete implements client.Writer.
func (l *lazy) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	return l.with(func(c client.Client) error { return c.Delete(ctx, obj, opts...) })
}

// Update implements client.Writer.
func (l *lazy) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	return l.with(func(c client.Client) error { return c.Update(ctx, obj, opts...) })
}

// Patch implements client.Writer.
func (l *lazy) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	return l.with(func(c client.Client) error { return c.Patch(ctx, obj, patch, opts...) })
}

// DeleteAllOf implements client.Writer.
func (l *lazy) DeleteAllOf(ctx context.Context, obj client.Object, opts ...client.DeleteAllOfOption) error {
	return l.with(func(c client.Client) error { return c.DeleteAllOf(ctx, obj, opts...) })
}

// Status implements client.StatusClient.
func (l *lazy) Status() client.SubResourceWriter { return l.SubResource("status") }

// SubResource implements client.SubResourceClientConstructor.
func (l *lazy) SubResource(name string) client.SubResourceClient { return lazyPart{l, name} }

// Scheme implements client.Client.
func (l *lazy) Scheme() *runtime.Scheme { return l.scheme }

// RESTMapper implements client.Client.
func (l *lazy) RESTMapper() meta.RESTMapper { return l.mapper }

// GroupVersionKindFor implements client.Client.
func (l *lazy) GroupVersionKindFor(obj runtime.Object) (schema.GroupVersionKind, error) {
	return apiutil.GVKForObject(obj, l.scheme)
}

// IsObjectNamespaced implements client.Client.
func (l *lazy) IsObjectNamespaced(obj runtime.Object) (bool, error) {
	return apiutil.IsObjectNamespaced(obj, l.scheme, l.mapper)
}

// lazyPart is a client of parts of objects of such a client.
type lazyPart struct {
	of   *lazy
	name string
}

// Get implements client.SubResourceReader.
func (p lazyPart) Get(ctx context.Context, obj, part client.Object, opts ...client.SubResourceGetOption) error {
	return p.of.with(func(c client.Client) error { return c.SubResource(p.name).Get(ctx, obj, part, opts...) })
}

// Create implements client.SubResourceWriter.
func (p lazyPart) Create(ctx context.Context, obj, part client.Object, opts ...client.SubResourceCreateOption) error {
	return p.of.with(func(c client.Client) error { return c.SubResource(p.name).Create(ctx, obj, part, opts...) })
}

// Update implements client.SubResourceWriter.
func (p lazyPart) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	return p.of.with(func(c client.Client) error { return c.SubResource(p.name).Update(ctx, obj, opts...) })
}

// Patch implements client.SubResourceWriter.
func (p lazyPart) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	return p.of.with(func(c client.Client) error { return c.SubResource(p.name).Patch(ctx, obj, patch, opts...) })
}

// Apply implements client.SubResourceWriter.
func (p lazyPart) Apply(ctx context.Context, obj runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
	return p.of.with(func(c client.Client) error { return c.SubResource(p.name).Apply(ctx, obj, opts...) })
}
