package apiserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// maxConflicts is how often a change that names no resourceVersion is tried again when others write in between.
const maxConflicts = 20

// current is an object as it is stored.
type current struct {
	object   resource.Object // never changed
	raw      []byte
	revision int64
	stale    bool // see storage.Record
}

// change is a write to an object that exists.
type change struct {
	name    string
	options writeOptions
	// apply returns the wanted object in the storage version, made from a current one that it must not change.
	// It is called again when another write came in between.
	apply func(ctx context.Context, now current) (resource.Object, error)
	// create makes the object when there is none; nil means NotFound.
	create func(ctx context.Context) (resource.Object, error)
	// unconditional changes are right whatever the current object is, even if the row wants a resourceVersion.
	unconditional bool
	// patched changes come from a patch: of a UID that is another the validation says that it cannot change.
	patched bool
	// scale is the Scale that the last apply made its object of, for admission; nil where the client sent the object itself.
	scale func() *autoscalingv1.Scale
	// managed says that apply has seen to metadata.managedFields.
	managed bool
}

// do carries a change out. It returns the object as stored, and whether it is new.
func (c *call) do(ctx context.Context, ch change) (obj resource.Object, created bool, err error) {
	defer c.locks.lock(ctx, c.at.key(c.info.Namespace, ch.name))()
	now, err := c.now(ctx, ch.name)
	if apierrors.IsNotFound(err) && ch.create != nil {
		obj, err = ch.create(ctx)
		return obj, true, err
	}
	if err != nil {
		return nil, false, err
	}
	for attempt := 1; ; attempt++ {
		obj, err = c.try(ctx, ch, now)
		if !isLost(err) {
			return obj, false, err
		}
		if attempt == maxConflicts {
			return nil, false, conflict(c.groupResource(), ch.name, errModified)
		}
		if now, err = c.newer(ctx, ch.name, err); err != nil {
			return nil, false, err
		}
	}
}

// isLost says whether a commit failed because another came in between.
func isLost(err error) bool {
	var lost *storage.ConflictError
	return errors.As(err, &lost) || errors.Is(err, storage.ErrExists)
}

// newer returns the object as it is after a commit was lost: the conflict has it, unless it is about another key.
func (c *call) newer(ctx context.Context, name string, err error) (current, error) {
	var lost *storage.ConflictError
	if errors.As(err, &lost) && lost.Key == c.at.key(c.info.Namespace, name) {
		return c.currentOf(ctx, lost.Current)
	}
	return c.now(ctx, name)
}

// now reads the object as it is.
func (c *call) now(ctx context.Context, name string) (current, error) {
	entry, err := c.latest(ctx, name)
	if err != nil {
		return current{}, err
	}
	if c.at.packer != nil && entry.Err == nil {
		whole, raw, err := packed.Open(entry.Object.(*apiextensionsv1.CustomResourceDefinition))
		return current{object: whole, raw: raw, stale: isStale(entry.Stale), revision: entry.Revision}, err
	}
	obj, err := c.at.object(ctx, entry)
	if err != nil {
		return current{}, err
	}
	return current{object: obj, raw: entry.Raw, stale: isStale(entry.Stale), revision: entry.Revision}, nil
}

func isStale(stale func() bool) bool { return stale != nil && stale() }

func (c *call) currentOf(ctx context.Context, record storage.Record) (current, error) {
	if record.Err != nil {
		return current{}, record.Err
	}
	decoded, err := c.at.decode(record.Value, record.Revision)
	if err != nil {
		return current{}, err
	}
	obj, err := c.at.inVersion(ctx, decoded.(resource.Object))
	if err != nil {
		return current{}, err
	}
	return current{object: obj, raw: record.Value, stale: isStale(record.Stale), revision: record.Revision}, nil
}

// try makes the change on top of one state of the object.
func (c *call) try(ctx context.Context, ch change, now current) (resource.Object, error) {
	obj, err := ch.apply(ctx, now)
	if err != nil {
		return nil, err
	}
	if err := c.checkIdentity(obj, ch, now); err != nil {
		return nil, err
	}
	if !ch.managed {
		if obj, err = c.manageFields(now.object, obj, ch.options, c.info.Subresource); err != nil {
			return nil, err
		}
	}
	attributes := c.attributes(admission.Update, obj, now.object, ch.options)
	if obj, err = c.admitChanged(ctx, attributes, obj, ch); err != nil {
		return nil, err
	}
	c.prepareChanged(ctx, obj, now.object)
	ops, err := c.at.hooks.beforeUpdate(ctx, obj, now.object)
	if err != nil {
		return nil, err
	}
	if err := c.validateChanged(ctx, obj, now.object); err != nil {
		return nil, err
	}
	if c.at.row.Canonicalize != nil {
		c.at.row.Canonicalize(obj)
	}
	if err := c.Admission.Validate(ctx, attributes); err != nil {
		return nil, err
	}
	return c.commit(ctx, obj, now, ops, ch.options.dryRun)
}

// commit stores the changed object unless nothing changed, or removes it when it was only held by what the change let go.
func (c *call) commit(ctx context.Context, obj resource.Object, now current, ops []storage.Op, dryRun bool) (resource.Object, error) {
	obj.SetResourceVersion("")
	if c.mayGo(obj, now.object) {
		obj.SetResourceVersion(now.object.GetResourceVersion())
		if dryRun {
			return obj, nil
		}
		return obj, c.remove(ctx, now, obj)
	}
	value, err := c.at.encodeStored(ctx, obj)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(value, now.raw) && !now.stale || dryRun {
		if obj, err = c.at.readBack(ctx, obj, value); err != nil {
			return nil, err
		}
		obj.SetResourceVersion(now.object.GetResourceVersion())
		return obj, nil
	}
	op := storage.Op{Key: c.at.key(obj.GetNamespace(), obj.GetName()), Value: value, Expected: now.revision, TTL: c.at.row.TTL}
	revision, err := c.Store.Commit(ctx, append([]storage.Op{op}, ops...)...)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, c.notFound(obj.GetName())
	}
	if err != nil {
		return nil, err
	}
	return c.at.committed(ctx, obj, value, revision)
}

// checkIdentity compares what the change says it is about with what is there.
func (c *call) checkIdentity(obj resource.Object, ch change, now current) error {
	if uid := obj.GetUID(); uid != "" && uid != now.object.GetUID() && !ch.patched {
		return conflict(c.groupResource(), ch.name, fmt.Errorf(
			"StorageError: invalid object, Code: 4, Key: %s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: %v, UID in object meta: %v",
			c.at.key(c.info.Namespace, ch.name), uid, now.object.GetUID()))
	}
	version := obj.GetResourceVersion()
	if version == "" || version == "0" {
		if !c.at.row.AllowUnconditionalUpdate && !ch.unconditional {
			return invalid(c.at.unversioned(), ch.name, field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update")})
		}
		obj.SetResourceVersion(now.object.GetResourceVersion())
		return nil
	}
	if version != now.object.GetResourceVersion() {
		return conflict(c.groupResource(), ch.name, errModified)
	}
	return nil
}

// prepareChanged puts back what an update cannot change.
func (c *call) prepareChanged(ctx context.Context, obj, old resource.Object) {
	obj.SetSelfLink("")
	obj.SetGeneration(old.GetGeneration())
	// Left out, these stay as they were; wrong, they are refused by the validation.
	if obj.GetUID() == "" {
		obj.SetUID(old.GetUID())
	}
	obj.SetCreationTimestamp(old.GetCreationTimestamp())
	if obj.GetDeletionTimestamp().IsZero() {
		obj.SetDeletionTimestamp(old.GetDeletionTimestamp())
	}
	if obj.GetDeletionGracePeriodSeconds() == nil {
		obj.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	}
	if c.sub != nil && c.sub.Scale == nil {
		if c.sub.PrepareUpdate != nil {
			c.sub.PrepareUpdate(ctx, obj, old)
		}
		return
	}
	if c.at.row.PrepareUpdate != nil {
		c.at.row.PrepareUpdate(ctx, obj, old)
	}
}

func (c *call) validateChanged(ctx context.Context, obj, old resource.Object) error {
	row, path := c.at.row, field.NewPath("metadata")
	validate, warnings := row.ValidateUpdate, row.Warnings
	if c.sub != nil && c.sub.Scale == nil {
		validate, warnings = c.sub.ValidateUpdate, c.sub.Warnings
	}
	errs := validation.ValidateObjectMetaAccessorUpdate(obj, old, path)
	errs = append(errs, validation.ValidateFinalizers(obj.GetFinalizers(), path.Child("finalizers"))...)
	if validate != nil {
		errs = append(errs, validate(ctx, obj, old)...)
	}
	if err := invalid(c.at.groupKind(obj), obj.GetName(), errs); err != nil {
		return err
	}
	if warnings != nil {
		warning.AddAll(ctx, warnings(ctx, obj, old))
	}
	return nil
}
