package kit

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Writer returns a client that notes in a Sight what a reconcile writes.
func Writer(c client.Client) client.Client { return writer{c} }

type writer struct{ client.Client }

// Create implements client.Writer.
func (w writer) Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error {
	err := w.Client.Create(ctx, obj, opts...)
	switch {
	case err == nil:
		note(ctx, obj, echo{kind: written, revision: revisionOf(obj)})
	case apierrors.IsAlreadyExists(err) && obj.GetName() != "":
		note(ctx, obj, echo{kind: exists})
	}
	return err
}

// Delete implements client.Writer.
func (w writer) Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error {
	err := w.Client.Delete(ctx, obj, opts...)
	if err == nil || apierrors.IsNotFound(err) {
		note(ctx, obj, echo{kind: deleted})
	}
	return err
}

// Update implements client.Writer.
func (w writer) Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error {
	base := revisionOf(obj)
	err := w.Client.Update(ctx, obj, opts...)
	changed(ctx, obj, base, err)
	return err
}

// Patch implements client.Writer.
func (w writer) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	base := revisionOf(obj)
	err := w.Client.Patch(ctx, obj, patch, opts...)
	if err == nil || patch.Type() != types.ApplyPatchType { // whose conflicts are about who owns what
		changed(ctx, obj, base, err)
	}
	return err
}

// Status implements client.StatusClient.
func (w writer) Status() client.SubResourceWriter { return w.SubResource("status") }

// SubResource implements client.SubResourceClientConstructor.
func (w writer) SubResource(name string) client.SubResourceClient {
	inner := w.Client.SubResource(name)
	if name != "status" {
		return inner
	}
	return statusWriter{inner}
}

type statusWriter struct{ client.SubResourceClient }

// Update implements client.SubResourceWriter.
func (w statusWriter) Update(ctx context.Context, obj client.Object, opts ...client.SubResourceUpdateOption) error {
	base := revisionOf(obj)
	err := w.SubResourceClient.Update(ctx, obj, opts...)
	changed(ctx, obj, base, err)
	return err
}

// Patch implements client.SubResourceWriter.
func (w statusWriter) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	base := revisionOf(obj)
	err := w.SubResourceClient.Patch(ctx, obj, patch, opts...)
	if err == nil || patch.Type() != types.ApplyPatchType {
		changed(ctx, obj, base, err)
	}
	return err
}

// Wrote has the reconcile that ctx is of wait until the cache shows obj, as another reconcile has written it.
func Wrote(ctx context.Context, obj client.Object) { changed(ctx, obj, 0, nil) }

// changed notes how the change of an object came out that was made to its revision base.
func changed(ctx context.Context, obj client.Object, base uint64, err error) {
	switch {
	case err == nil && obj.GetDeletionTimestamp() != nil && len(obj.GetFinalizers()) == 0: // it was the last finalizer
		note(ctx, obj, echo{kind: deleted})
	case err == nil:
		note(ctx, obj, echo{kind: written, revision: revisionOf(obj)})
	case apierrors.IsNotFound(err):
		note(ctx, obj, echo{kind: deleted})
	case apierrors.IsConflict(err):
		if r, ok := ctx.Value(roundKey{}).(*round); ok {
			r.conflicted.Store(true)
		}
		if base != 0 {
			note(ctx, obj, echo{kind: replaced, revision: base})
		}
	}
}

// note has the reconcile that ctx is of wait for an echo of what it did to obj, if its controller watches such objects.
func note(ctx context.Context, obj client.Object, e echo) {
	r, ok := ctx.Value(roundKey{}).(*round)
	if !ok {
		return
	}
	if e.view = r.holder.viewOf(obj); e.view == nil || e.view.store.Load() == nil {
		return
	}
	e.to, e.request, e.key, e.uid = r.holder, r.request, toolscache.MetaObjectToName(obj).String(), obj.GetUID()
	r.holder.sight.note(&e)
}
