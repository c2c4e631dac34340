package write

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// maxNameAttempts is how many generated names are tried.
const maxNameAttempts = 8

// Create stores the object that was sent.
func (c Verbs) Create() error {
	options, err := c.CreateOptions()
	if err != nil {
		return err
	}
	sent, err := c.ReadObject(options)
	if err != nil {
		return err
	}
	if err := c.FitNamespace(sent); err != nil {
		return err
	}
	obj, err := c.At.Stored(sent)
	if err != nil {
		return err
	}
	if version, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64); err == nil && version != 0 && !options.DryRun {
		return refusal.Plain(http.StatusInternalServerError, "resourceVersion should not be set on objects to be created")
	}
	c.nameOwnersOnce(obj, "")
	created, err := c.createObject(c.Context(), obj, options)
	if err != nil {
		return err
	}
	return c.WriteStored(http.StatusCreated, created)
}

// createObject stores a new object, given in the storage version and with defaults, or does all but that on a dry run.
func (c Verbs) createObject(ctx context.Context, obj resource.Object, options call.WriteOptions) (resource.Object, error) {
	if err := c.checkServed(obj.GetName()); err != nil {
		return nil, err
	}
	if !options.DryRun { // which shows what was sent
		obj.SetResourceVersion("") // what is put or applied may have one of an object that is gone
	}
	// What only the server sets, nobody comes to own.
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	if !options.Managed {
		var err error
		if obj, err = c.ManageFields(c.At.Nothing(), obj, options, ""); err != nil {
			return nil, err
		}
	}
	attributes := c.Attributes(admission.Create, obj, nil, options)
	obj, err := c.admit(ctx, attributes, obj)
	if err != nil {
		return nil, err
	}
	if err := c.FitNamespace(obj); err != nil { // a webhook may have changed it
		return nil, err
	}
	if obj.GetName() == "" && obj.GetGenerateName() != "" {
		return c.createGenerated(ctx, obj, attributes, options)
	}
	return c.createNamed(ctx, obj, attributes, options)
}

// createGenerated stores an object under a name that is made from its generateName, and under another one while that is taken.
func (c Verbs) createGenerated(ctx context.Context, obj resource.Object, attributes *admission.Attributes, options call.WriteOptions) (resource.Object, error) {
	for attempt := 1; ; attempt++ {
		obj.SetName(generateName(obj.GetGenerateName()))
		created, err := c.createNamed(ctx, obj, attributes, options)
		if !apierrors.IsAlreadyExists(err) {
			return created, err
		}
		if attempt == maxNameAttempts {
			return nil, apierrors.NewGenerateNameConflict(c.GroupResource(), obj.GetName(), 1)
		}
	}
}

// createNamed stores an object that has its name. What a hook adds to the transaction may be taken by others at the
// same time: then it is asked again, with the object as it was.
func (c Verbs) createNamed(ctx context.Context, obj resource.Object, attributes *admission.Attributes, options call.WriteOptions) (resource.Object, error) {
	if c.At.Hooks.OnCreate == nil {
		return c.tryCreate(ctx, obj, attributes, options)
	}
	for attempt := 1; ; attempt++ {
		copied := obj.DeepCopyObject().(resource.Object)
		attributes.Object = copied
		created, err := c.tryCreate(ctx, copied, attributes, options)
		if attempt == maxConflicts || !errors.Is(err, errTaken) {
			return created, err
		}
	}
}

// errTaken says that what a hook wanted is taken.
var errTaken = errors.New("taken by another at the same time")

// tryCreate validates and commits.
func (c Verbs) tryCreate(ctx context.Context, obj resource.Object, attributes *admission.Attributes, options call.WriteOptions) (resource.Object, error) {
	c.prepareNew(ctx, obj)
	ops, err := c.At.Hooks.BeforeCreate(ctx, obj)
	if err != nil {
		return nil, err
	}
	if err := c.validateNew(ctx, obj); err != nil {
		return nil, err
	}
	if c.At.Row.Canonicalize != nil {
		c.At.Row.Canonicalize(obj)
	}
	attributes.Name = obj.GetName()
	if err := c.Admission.Validate(ctx, attributes); err != nil {
		return nil, err
	}
	key := c.At.Key(obj.GetNamespace(), obj.GetName())
	value, err := c.At.Encode(ctx, obj)
	if err != nil {
		return nil, err
	}
	if options.DryRun {
		if err := c.checkAbsent(ctx, key, obj.GetName()); err != nil {
			return nil, err
		}
		return c.At.ReadBack(ctx, obj, value)
	}
	revision, err := c.store(ctx, append([]storage.Op{{Key: key, Value: value, TTL: c.At.Row.TTL}}, ops...)...)
	if err != nil {
		return nil, c.whyNotCreated(ctx, err, key, obj.GetName())
	}
	return c.Committed(ctx, obj, value, revision)
}

// whyNotCreated tells an object that exists from an operation of a hook that came too late.
func (c Verbs) whyNotCreated(ctx context.Context, err error, key, name string) error {
	var lost *storage.ConflictError
	if !errors.Is(err, storage.ErrExists) && !errors.As(err, &lost) {
		return err
	}
	if exists := c.checkAbsent(ctx, key, name); exists != nil {
		return exists
	}
	// Let the cache see what the other did before the next attempt.
	if err := c.Cache.WaitCommitted(ctx); err != nil {
		return err
	}
	return errTaken
}

// checkAbsent returns what to answer if an object has the key already.
func (c Verbs) checkAbsent(ctx context.Context, key, name string) error {
	record, err := c.Store.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	exists := apierrors.NewAlreadyExists(c.GroupResource(), name)
	if there, err := c.currentOf(ctx, record); err == nil && there.Object.GetDeletionTimestamp() != nil {
		exists.ErrStatus.Message = "object is being deleted: " + exists.ErrStatus.Message
	}
	return exists
}

// generateName appends five random letters, to a prefix that is cut so that the name stays a label.
func generateName(prefix string) string {
	const most, random = 63, 5
	if len(prefix) > most-random {
		prefix = prefix[:most-random]
	}
	return prefix + rand.String(random)
}

// checkServed refuses a new object of a definition that goes.
func (c Verbs) checkServed(name string) error {
	if c.At.Custom == nil || c.At.Custom.Terminating == nil || !c.At.Custom.Terminating.Load() {
		return nil
	}
	return apierrors.NewForbidden(c.GroupResource(), name, errTerminating)
}

var errTerminating = errors.New("create not allowed while custom resource definition is terminating")
