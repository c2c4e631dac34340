package apiserver

import (
	"context"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// maxNameAttempts is how many generated names are tried.
const maxNameAttempts = 8

func (c *call) create() error {
	options, err := c.createOptions()
	if err != nil {
		return err
	}
	sent, err := c.readObject(options)
	if err != nil {
		return err
	}
	if err := c.fitNamespace(sent); err != nil {
		return err
	}
	obj, err := c.at.stored(sent)
	if err != nil {
		return err
	}
	c.nameOwnersOnce(obj, "")
	created, err := c.createObject(c.ctx(), obj, options)
	if err != nil {
		return err
	}
	return c.writeStored(http.StatusCreated, created)
}

// fitNamespace compares the namespace of the object with that of the path.
func (c *call) fitNamespace(obj metav1.Object) error {
	if !c.at.row.Namespaced {
		if obj.GetNamespace() != "" && c.at.row.Name != "namespaces" {
			return apierrors.NewBadRequest("namespace is not allowed on a cluster-scoped object")
		}
		obj.SetNamespace("")
		return nil
	}
	switch obj.GetNamespace() {
	case "":
		obj.SetNamespace(c.info.Namespace)
	case c.info.Namespace:
	default:
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return nil
}

// createObject stores a new object, given in the storage version and with defaults, or does all but that on a dry run.
func (c *call) createObject(ctx context.Context, obj resource.Object, options writeOptions) (resource.Object, error) {
	if err := c.errTerminating(obj.GetName()); err != nil {
		return nil, err
	}
	if obj.GetResourceVersion() != "" && !options.dryRun {
		return nil, plainError(http.StatusInternalServerError, "resourceVersion should not be set on objects to be created")
	}
	// What only the server sets, nobody comes to own.
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	if !options.managed {
		var err error
		if obj, err = c.manageFields(c.at.storage.New(), obj, options, ""); err != nil {
			return nil, err
		}
	}
	attributes := c.attributes(admission.Create, obj, nil, options)
	obj, err := c.admit(ctx, attributes, obj)
	if err != nil {
		return nil, err
	}
	prefix, generated := obj.GetGenerateName(), obj.GetName() == "" && obj.GetGenerateName() != ""
	for attempt := 1; ; attempt++ {
		if generated {
			obj.SetName(generateName(prefix))
		}
		created, err := c.createNamed(ctx, obj, attributes, options)
		if err == nil || !generated || !apierrors.IsAlreadyExists(err) || attempt == maxNameAttempts {
			if generated && apierrors.IsAlreadyExists(err) {
				return nil, apierrors.NewGenerateNameConflict(c.groupResource(), obj.GetName(), 1)
			}
			return created, err
		}
	}
}

// createNamed stores an object that has its name. What a hook adds to the transaction may be taken by others at the
// same time: then it is asked again, with the object as it was.
func (c *call) createNamed(ctx context.Context, obj resource.Object, attributes *admission.Attributes, options writeOptions) (resource.Object, error) {
	if c.at.hooks.onCreate == nil {
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
func (c *call) tryCreate(ctx context.Context, obj resource.Object, attributes *admission.Attributes, options writeOptions) (resource.Object, error) {
	c.prepareNew(ctx, obj)
	ops, err := c.at.hooks.beforeCreate(ctx, obj)
	if err != nil {
		return nil, err
	}
	if err := c.validateNew(ctx, obj); err != nil {
		return nil, err
	}
	if c.at.row.Canonicalize != nil {
		c.at.row.Canonicalize(obj)
	}
	attributes.Name = obj.GetName()
	if err := c.Admission.Validate(ctx, attributes); err != nil {
		return nil, err
	}
	key := c.at.key(obj.GetNamespace(), obj.GetName())
	value, err := c.at.encodeStored(ctx, obj)
	if err != nil {
		return nil, err
	}
	if options.dryRun {
		if err := c.checkAbsent(ctx, key, obj.GetName()); err != nil {
			return nil, err
		}
		return c.at.readBack(ctx, obj, value)
	}
	revision, err := c.Store.Commit(ctx, append([]storage.Op{{Key: key, Value: value, TTL: c.at.row.TTL}}, ops...)...)
	if err != nil {
		return nil, c.whyNotCreated(ctx, err, key, obj.GetName())
	}
	return c.at.committed(ctx, obj, value, revision)
}

// whyNotCreated tells an object that exists from an operation of a hook that came too late.
func (c *call) whyNotCreated(ctx context.Context, err error, key, name string) error {
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

// prepareNew sets what only the server sets.
func (c *call) prepareNew(ctx context.Context, obj resource.Object) {
	obj.SetCreationTimestamp(metav1.NewTime(c.Clock.Now().Truncate(1e9)))
	obj.SetUID(uuid.NewUUID())
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	obj.SetSelfLink("")
	if c.at.row.PrepareCreate != nil {
		c.at.row.PrepareCreate(ctx, obj)
	}
}

func (c *call) validateNew(ctx context.Context, obj resource.Object) error {
	row := c.at.row
	errs := validation.ValidateObjectMetaAccessor(obj, row.Namespaced, nameCheck(row), field.NewPath("metadata"))
	if row.Validate != nil {
		errs = append(errs, row.Validate(ctx, obj)...)
	}
	if err := invalid(c.at.groupKind(obj), obj.GetName(), errs); err != nil {
		return err
	}
	if row.Warnings != nil {
		warning.AddAll(ctx, row.Warnings(ctx, obj, nil))
	}
	return nil
}

func nameCheck(row *resource.Resource) validation.ValidateNameFunc {
	if row.ValidateName != nil {
		return row.ValidateName
	}
	return validation.NameIsDNSSubdomain
}

func (c *call) checkAbsent(ctx context.Context, key, name string) error {
	record, err := c.Store.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	exists := apierrors.NewAlreadyExists(c.groupResource(), name)
	if there, err := c.currentOf(ctx, record); err == nil && there.object.GetDeletionTimestamp() != nil {
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

// attributes of the write, as admission sees it.
func (c *call) attributes(operation admission.Operation, obj, old resource.Object, options writeOptions) *admission.Attributes {
	a := &admission.Attributes{
		Operation: operation, Resource: c.at.row, Version: c.at.version.Name, Kind: c.gvk(), Subresource: c.info.Subresource, Namespace: c.info.Namespace, Name: c.info.Name,
		Options: optionsFor(operation, options.all), DryRun: options.dryRun, User: c.user, Warn: func(text string) { warning.Add(c.ctx(), text) },
		Annotate: func(key, value string) { audit.Annotate(c.ctx(), key, value) },
	}
	if c.at.custom != nil {
		a.Forms = c.forms
	}
	if types, ok := c.fields().(typer); ok {
		a.Types = func() (managedfields.TypeConverter, error) { return types.Types(c.at.row) }
	}
	if obj != nil {
		a.Object = obj
		if a.Name == "" {
			a.Name = obj.GetName()
		}
	}
	if old != nil {
		a.Old = old
	}
	return a
}
