package write

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// prepareNew sets what only the server sets.
func (c Verbs) prepareNew(ctx context.Context, obj resource.Object) {
	obj.SetCreationTimestamp(metav1.NewTime(c.Clock.Now().Truncate(1e9)))
	obj.SetUID(uuid.NewUUID())
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	obj.SetSelfLink("")
	if c.At.Row.EarlyWarnings != nil {
		warning.AddAll(ctx, c.At.Row.EarlyWarnings(obj))
	}
	if c.At.Row.PrepareCreate != nil {
		c.At.Row.PrepareCreate(ctx, obj)
	}
}

// metadataPath is never changed.
var metadataPath = field.NewPath("metadata")

// validateNew asks the row and its hooks, and adds their warnings.
func (c Verbs) validateNew(ctx context.Context, obj resource.Object) error {
	row := c.At.Row
	errs := validation.ValidateObjectMetaAccessor(obj, row.Namespaced, nameCheck(row), metadataPath)
	if row.Validate != nil {
		errs = append(errs, row.Validate(ctx, obj)...)
	}
	errs = append(errs, c.At.Hooks.WrongWith(obj, nil)...)
	if err := refusal.Invalid(c.At.GroupKind(obj), obj.GetName(), errs); err != nil {
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

// prepareChanged puts back what an update cannot change.
func (c Verbs) prepareChanged(ctx context.Context, obj, old resource.Object) {
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
	if c.Sub != nil && c.Sub.Scale == nil {
		if c.Sub.PrepareUpdate != nil {
			c.Sub.PrepareUpdate(ctx, obj, old)
		}
		return
	}
	if c.At.Row.PrepareUpdate != nil {
		c.At.Row.PrepareUpdate(ctx, obj, old)
	}
}

// validateChanged is validateNew of an update, by the rules of the subresource if it is one.
func (c Verbs) validateChanged(ctx context.Context, obj, old resource.Object) error {
	row, path := c.At.Row, metadataPath
	validate, warnings := row.ValidateUpdate, row.Warnings
	if c.Sub != nil && c.Sub.Scale == nil {
		validate, warnings = c.Sub.ValidateUpdate, c.Sub.Warnings
	}
	errs := validation.ValidateObjectMetaAccessorUpdate(obj, old, path)
	if !row.AnyFinalizers {
		errs = append(errs, validation.ValidateFinalizers(obj.GetFinalizers(), path.Child("finalizers"))...)
	}
	if validate != nil {
		errs = append(errs, validate(ctx, obj, old)...)
	}
	if c.Sub == nil {
		errs = append(errs, c.At.Hooks.WrongWith(obj, old)...)
	}
	if err := refusal.Invalid(c.At.GroupKind(obj), obj.GetName(), errs); err != nil {
		return err
	}
	if warnings != nil {
		warning.AddAll(ctx, warnings(ctx, obj, old))
	}
	return nil
}

// afterAdmission says in a warning that owners were named twice by a patch or by what admission changed, not by the object as sent.
const afterAdmission = " after mutating admission happens"

// nameOwnersOnce drops owners that are named again in the very same way, and warns of each.
func (c Verbs) nameOwnersOnce(obj resource.Object, when string) {
	all := obj.GetOwnerReferences()
	if len(all) < 2 {
		return
	}
	kept := make([]metav1.OwnerReference, 0, len(all))
	var again []string
	for i := range all {
		same := func(other metav1.OwnerReference) bool { return equality.Semantic.DeepEqual(other, all[i]) }
		if slices.ContainsFunc(kept, same) {
			again = append(again, string(all[i].UID))
		} else {
			kept = append(kept, all[i])
		}
	}
	if len(again) == 0 {
		return
	}
	obj.SetOwnerReferences(kept)
	warning.Add(c.Context(), ".metadata.ownerReferences contains duplicate entries"+when+"; API server dedups owner references in 1.20+, "+
		"and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: "+strings.Join(again, ", "))
}
