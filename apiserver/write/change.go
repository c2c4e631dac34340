package write

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// maxConflicts is how often a change that names no resourceVersion is tried again when others write in between.
const maxConflicts = 20

// Change is a write to an object that exists.
type Change struct {
	Name    string
	Options call.WriteOptions
	// Apply returns the wanted object in the storage version, made from a current one that it must not change.
	// It is called again when another write came in between.
	Apply func(ctx context.Context, now Current) (resource.Object, error)
	// create makes the object when there is none; nil means NotFound.
	create func(ctx context.Context) (resource.Object, error)
	// Unconditional changes are right whatever the current object is, even if the row wants a resourceVersion.
	Unconditional bool
	// patched changes come from a patch: of a UID that is another the validation says that it cannot change.
	patched bool
	// Admit lets admission see the change, given what it is to see if that is the object itself; nil if it is.
	Admit func(ctx context.Context, a *admission.Attributes, obj resource.Object) (resource.Object, error)
	// Managed says that apply has seen to metadata.managedFields.
	Managed bool
}

// On is the same caller's request for something else, whose answer is that of the request itself.
func (c Verbs) On(at *kinds.Endpoint, info *request.Info, sub *resource.Subresource) Verbs {
	other := *c.Call
	other.At, other.Info, other.Sub = at, info, sub
	c.Call = &other
	return c
}

// Do carries a change out. It returns the object as stored, and whether it is new.
func (c Verbs) Do(ctx context.Context, ch Change) (obj resource.Object, created bool, err error) {
	defer c.turns.Take(ctx, c.At.Key(c.Info.Namespace, ch.Name))()
	now, err := c.Now(ctx, ch.Name)
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
			return nil, false, refusal.Conflict(c.GroupResource(), ch.Name, refusal.ErrModified)
		}
		if now, err = c.newer(ctx, ch.Name, err); err != nil {
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
func (c Verbs) newer(ctx context.Context, name string, err error) (Current, error) {
	var lost *storage.ConflictError
	if errors.As(err, &lost) && lost.Key == c.At.Key(c.Info.Namespace, name) {
		return c.currentOf(ctx, lost.Current)
	}
	return c.Now(ctx, name)
}

// try makes the change on top of one state of the object.
func (c Verbs) try(ctx context.Context, ch Change, now Current) (resource.Object, error) {
	obj, err := ch.Apply(ctx, now)
	if err != nil {
		return nil, err
	}
	if err := c.checkIdentity(obj, ch, now); err != nil {
		return nil, err
	}
	if !ch.Managed {
		if obj, err = c.ManageFields(now.Object, obj, ch.Options, c.Info.Subresource); err != nil {
			return nil, err
		}
	}
	attributes := c.Attributes(admission.Update, obj, now.Object, ch.Options)
	admit := ch.Admit
	if admit == nil {
		admit = c.admit
	}
	if obj, err = admit(ctx, attributes, obj); err != nil {
		return nil, err
	}
	if err := c.FitNamespace(obj); err != nil { // a webhook may have changed it
		return nil, err
	}
	if version := obj.GetResourceVersion(); version != "" && version != now.Object.GetResourceVersion() { // and this
		return nil, refusal.Conflict(c.GroupResource(), ch.Name, refusal.ErrModified)
	}
	c.prepareChanged(ctx, obj, now.Object)
	ops, err := c.At.Hooks.BeforeUpdate(ctx, obj, now.Object)
	if err != nil {
		return nil, err
	}
	if err := c.validateChanged(ctx, obj, now.Object); err != nil {
		return nil, err
	}
	if c.At.Row.Canonicalize != nil {
		c.At.Row.Canonicalize(obj)
	}
	if err := c.Admission.Validate(ctx, attributes); err != nil {
		return nil, err
	}
	return c.commit(ctx, obj, now, ops, ch.Options.DryRun)
}

// commit stores the changed object unless nothing changed, or removes it when it was only held by what the change let go.
func (c Verbs) commit(ctx context.Context, obj resource.Object, now Current, ops []storage.Op, dryRun bool) (resource.Object, error) {
	obj.SetResourceVersion("")
	if c.deletion().MayGo(obj, now.Object) {
		obj.SetResourceVersion(now.Object.GetResourceVersion())
		if dryRun {
			return obj, nil
		}
		return obj, c.remove(ctx, now, obj)
	}
	value, err := c.At.Encode(ctx, obj)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(value, now.raw) && !now.stale || dryRun {
		if obj, err = c.At.ReadBack(ctx, obj, value); err != nil {
			return nil, err
		}
		obj.SetResourceVersion(now.Object.GetResourceVersion())
		return obj, nil
	}
	op := storage.Op{Key: c.At.Key(obj.GetNamespace(), obj.GetName()), Value: value, Expected: now.revision, TTL: c.At.Row.TTL}
	revision, err := c.store(ctx, append([]storage.Op{op}, ops...)...)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, c.NotFound(obj.GetName())
	}
	if err != nil {
		return nil, err
	}
	return c.Committed(ctx, obj, value, revision)
}

// checkIdentity compares what the change says it is about with what is there.
func (c Verbs) checkIdentity(obj resource.Object, ch Change, now Current) error {
	if uid := obj.GetUID(); uid != "" && uid != now.Object.GetUID() && !ch.patched {
		return c.otherUID(uid, now.Object.GetUID(), ch.Options)
	}
	version := obj.GetResourceVersion()
	if version == "" || version == "0" {
		if !c.At.Row.AllowUnconditionalUpdate && !ch.Unconditional {
			return refusal.Invalid(c.At.Unversioned(), ch.Name, field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), 0, "must be specified for an update")})
		}
		obj.SetResourceVersion(now.Object.GetResourceVersion())
		return nil
	}
	if version != now.Object.GetResourceVersion() {
		return refusal.Conflict(c.GroupResource(), ch.Name, refusal.ErrModified)
	}
	return nil
}

// otherUID refuses a change of another object than the one that has the name.
func (c Verbs) otherUID(wanted, has types.UID, options call.WriteOptions) error {
	key := c.At.Key(c.Info.Namespace, c.Info.Name)
	if options.DryRun { // of which upstream leaves the prefix out
		key = "/" + strings.TrimPrefix(key, storage.Root)
	}
	return refusal.Conflict(c.GroupResource(), c.Info.Name, fmt.Errorf(
		"StorageError: invalid object, Code: 4, Key: %s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: %v, UID in object meta: %v",
		key, wanted, has))
}
