package write

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/deletion"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// Delete removes an object, or marks it where something is to be done before it goes.
func (c Verbs) Delete() error {
	options, err := c.DeleteOptions()
	if err != nil {
		return err
	}
	c.deletion().Warn(c.Context(), options)
	obj, gone, err := c.DeleteNamed(c.Context(), c.Info.Name, options)
	if err != nil {
		return err
	}
	code := http.StatusOK
	if !gone && options.OrphanDependents != nil && !*options.OrphanDependents {
		code = http.StatusAccepted
	}
	if !gone || c.At.Hooks.ReturnsDeleted {
		return c.WriteStored(code, obj)
	}
	return c.WriteObject(code, &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess,
		Details: &metav1.StatusDetails{Name: c.Info.Name, Group: c.At.Row.Group, Kind: c.At.Row.Name, UID: obj.GetUID()},
	})
}

// DeleteNamed deletes one object. It returns the object as it is then, and whether it is gone.
func (c Verbs) DeleteNamed(ctx context.Context, name string, options *metav1.DeleteOptions) (resource.Object, bool, error) {
	defer c.turns.Take(ctx, c.At.Key(c.Info.Namespace, name))()
	now, err := c.Now(ctx, name)
	if err != nil {
		return nil, false, err
	}
	for attempt := 1; ; attempt++ {
		obj, gone, err := c.tryDelete(ctx, now, options)
		if !isLost(err) {
			if errors.Is(err, storage.ErrNotFound) {
				err = c.NotFound(name)
			}
			return obj, gone, err
		}
		if attempt == maxConflicts {
			return nil, false, refusal.Conflict(c.GroupResource(), name, refusal.ErrModified)
		}
		if now, err = c.newer(ctx, name, err); err != nil {
			return nil, false, err
		}
	}
}

// deletion of objects of the request's kind.
func (c Verbs) deletion() deletion.Of { return deletion.Of{At: c.At, Clock: c.Clock} }

// tryDelete removes or marks an object as it was read.
func (c Verbs) tryDelete(ctx context.Context, now Current, options *metav1.DeleteOptions) (resource.Object, bool, error) {
	old := now.Object
	if err := c.deletion().Check(old, options.Preconditions); err != nil {
		return nil, false, err
	}
	dryRun := slices.Contains(options.DryRun, metav1.DryRunAll)
	attributes := c.Attributes(admission.Delete, nil, old, call.WriteOptions{DryRun: dryRun, All: options})
	if attributes.Name = old.GetName(); c.Info.Verb == "deletecollection" {
		attributes.Name = "" // what is asked for has none
	}
	if err := c.Admission.Ask(ctx, attributes); err != nil {
		return nil, false, err
	}
	obj := old.DeepCopyObject().(resource.Object)
	gone := c.deletion().Mark(obj, options)
	if gone && dryRun {
		return obj, true, nil
	}
	if !gone || c.At.Row.GracePeriod != nil { // who waits for the end of a pod hears of a deletion first, be it of one that never ran
		var err error
		if obj, now.revision, err = c.commitMarked(ctx, obj, now, dryRun); err != nil || !gone {
			return obj, false, err
		}
	}
	return obj, true, c.remove(ctx, now, obj)
}

// commitMarked stores an object that goes, unless nothing about it is new. It returns the object and the revision that it has then.
func (c Verbs) commitMarked(ctx context.Context, obj resource.Object, now Current, dryRun bool) (resource.Object, int64, error) {
	obj.SetResourceVersion("")
	value, err := c.At.Encode(ctx, obj)
	if err != nil {
		return nil, 0, err
	}
	if dryRun || slices.Equal(value, now.raw) {
		obj.SetResourceVersion(now.Object.GetResourceVersion())
		return obj, now.revision, nil
	}
	revision, err := c.store(ctx, storage.Op{Key: c.At.Key(obj.GetNamespace(), obj.GetName()), Value: value, Expected: now.revision, TTL: c.At.Row.TTL})
	if err != nil {
		return nil, 0, err
	}
	obj, err = c.At.Committed(ctx, obj, value, revision)
	return obj, revision, err
}

// remove takes the object out of the store, with whatever goes with it.
func (c Verbs) remove(ctx context.Context, now Current, obj resource.Object) error {
	ops := []storage.Op{{Key: c.At.Key(obj.GetNamespace(), obj.GetName()), Expected: now.revision}}
	if c.At.Hooks.OnDelete != nil {
		more, err := c.At.Hooks.OnDelete(ctx, obj)
		if err != nil {
			return err
		}
		ops = append(ops, more...)
	}
	revision, err := c.store(ctx, ops...)
	if err != nil {
		return err
	}
	if revision > 0 {
		obj.SetResourceVersion(strconv.FormatInt(now.revision, 10))
	}
	return nil
}
