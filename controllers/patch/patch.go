package patch

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Status writes the status that mutate leaves in a copy of obj, if it differs.
// It says whether it wrote.
func Status[T client.Object](ctx context.Context, c client.Client, obj T, mutate func(T)) (bool, error) {
	changed := obj.DeepCopyObject().(T)
	mutate(changed)
	if equality.Semantic.DeepEqual(obj, changed) {
		return false, nil
	}
	if err := c.Status().Update(ctx, changed); err != nil {
		return false, fmt.Errorf("updating status of %s: %w", obj.GetName(), err)
	}
	return true, nil
}

// StatusFields sends the status that mutate changes in a copy of obj as a strategic merge patch under the optimistic
// lock, for those that may patch a status and not replace it.
func StatusFields[T client.Object](ctx context.Context, c client.Client, obj T, mutate func(T)) error {
	changed := obj.DeepCopyObject().(T)
	mutate(changed)
	if equality.Semantic.DeepEqual(obj, changed) {
		return nil
	}
	diff := client.StrategicMergeFrom(obj, client.MergeFromWithOptimisticLock{})
	if err := c.Status().Patch(ctx, changed, diff); err != nil {
		return fmt.Errorf("patching status of %s: %w", obj.GetName(), err)
	}
	return nil
}

// Object writes what mutate leaves in a copy of obj (status apart), if it differs.
// It returns the object as it is now.
func Object[T client.Object](ctx context.Context, c client.Client, obj T, mutate func(T)) (T, bool, error) {
	changed := obj.DeepCopyObject().(T)
	mutate(changed)
	if equality.Semantic.DeepEqual(obj, changed) {
		return obj, false, nil
	}
	if err := c.Update(ctx, changed); err != nil {
		return obj, false, fmt.Errorf("updating %s: %w", obj.GetName(), err)
	}
	return changed, true, nil
}

// Metadata sends the metadata that mutate changes in a copy of obj as a merge patch
// under the optimistic lock.
func Metadata[T client.Object](ctx context.Context, c client.Client, obj T, mutate func(T)) error {
	changed := obj.DeepCopyObject().(T)
	mutate(changed)
	if equality.Semantic.DeepEqual(obj, changed) {
		return nil
	}
	diff := client.MergeFromWithOptions(obj, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, changed, diff); err != nil {
		return fmt.Errorf("patching %s: %w", obj.GetName(), err)
	}
	return nil
}

// Change is what a merge patch changes, where the caller knows it and nothing needs to be compared.
type Change struct {
	Annotations map[string]string
	// Spec holds the fields that change; null removes one.
	Spec map[string]any
	// Locked refuses the change of an object that is not the one that was read any more. It is needed where the new value depends
	// on others: a list that is written whole does. An object of the same name that took its place is never changed.
	Locked bool
	// Wrote is called when Nodes has written the change. May be nil.
	Wrote func()
}

// Merge sends a change of obj as a merge patch. Metadata finds out what changes by encoding the whole object twice, which costs
// more than the change where there are many, such as Nodes.
func Merge[T any, P interface {
	*T
	client.Object
}](ctx context.Context, c client.Client, obj P, change Change) error {
	_, err := merge(ctx, c, obj, change)
	return err
}

// merge returns the object as it is now.
func merge[T any, P interface {
	*T
	client.Object
}](ctx context.Context, c client.Client, obj P, change Change) (P, error) {
	var body struct {
		Metadata struct {
			UID             types.UID         `json:"uid,omitempty"`
			ResourceVersion string            `json:"resourceVersion,omitempty"`
			Annotations     map[string]string `json:"annotations,omitempty"`
		} `json:"metadata"`
		Spec map[string]any `json:"spec,omitempty"`
	}
	body.Metadata.UID, body.Metadata.Annotations, body.Spec = obj.GetUID(), change.Annotations, change.Spec
	if change.Locked {
		body.Metadata.ResourceVersion = obj.GetResourceVersion()
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding a change of %s: %w", obj.GetName(), err)
	}
	answer := P(new(T)) // obj is the cache's
	answer.SetName(obj.GetName())
	answer.SetNamespace(obj.GetNamespace())
	if err := c.Patch(ctx, answer, client.RawPatch(types.MergePatchType, data)); err != nil {
		return nil, fmt.Errorf("patching %s: %w", obj.GetName(), err)
	}
	return answer, nil
}

// Result turns an error of a write into a reconciler's answer: a conflict wakes again
// soon (or, where the cache shows it, as soon as the newer object is there), an object that is gone, or that cannot be made because its namespace goes,
// needs nothing, anything else is an error.
func Result(result reconcile.Result, err error) (reconcile.Result, error) {
	switch {
	case err == nil:
		return result, nil
	case apierrors.IsConflict(err):
		return reconcile.Result{RequeueAfter: kit.ConflictDelay}, nil
	case apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, err
}
