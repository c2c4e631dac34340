package podcontrol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Owner is the object on whose behalf others are claimed, created and deleted.
type Owner struct {
	Object   client.Object
	GVK      schema.GroupVersionKind
	Selector labels.Selector
}

// Reference is the controller reference to the owner.
func (o Owner) Reference() metav1.OwnerReference {
	return *metav1.NewControllerRef(o.Object, o.GVK)
}

// Claimer finds the objects that belong to an owner. It adopts orphans that match the
// owner's selector and releases owned ones that no longer do.
type Claimer struct {
	Client client.Client
	// Live reads past the cache: an owner is looked at again before it adopts.
	Live client.Reader
	// Member, if set, says whether an object may be of an owner whose selector it matches.
	Member func(owner, obj client.Object) bool
	// Finalizer, if set, is added with an adoption and removed with a release.
	Finalizer string
}

// ByOwner is the index function for kit.OwnerIndex.
func ByOwner(obj client.Object) []string {
	if ref := metav1.GetControllerOfNoCopy(obj); ref != nil {
		return []string{string(ref.UID)}
	}
	return []string{kit.NoOwner}
}

// IndexByOwner adds the index that claiming objects of this type needs.
func IndexByOwner(ctx context.Context, mgr manager.Manager, obj client.Object) error {
	return kit.Index(ctx, mgr, obj, kit.OwnerIndex, ByOwner)
}

// Pods returns the pods of owner.
func (c *Claimer) Pods(ctx context.Context, owner Owner) ([]*corev1.Pod, error) {
	return claim(ctx, c, owner, func(ownerUID string) ([]*corev1.Pod, error) {
		return ListPods(ctx, c.Client, owner.Object.GetNamespace(), ownerUID)
	})
}

// ReplicaSets returns the replica sets of owner.
func (c *Claimer) ReplicaSets(ctx context.Context, owner Owner) ([]*appsv1.ReplicaSet, error) {
	return claim(ctx, c, owner, func(ownerUID string) ([]*appsv1.ReplicaSet, error) {
		var list appsv1.ReplicaSetList
		err := c.Client.List(ctx, &list, client.InNamespace(owner.Object.GetNamespace()),
			client.MatchingFields{kit.OwnerIndex: ownerUID}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, fmt.Errorf("listing replica sets: %w", err)
		}
		return pointers(list.Items), nil
	})
}

// ControllerRevisions returns the revisions of owner.
func (c *Claimer) ControllerRevisions(ctx context.Context, owner Owner) ([]*appsv1.ControllerRevision, error) {
	return claim(ctx, c, owner, func(ownerUID string) ([]*appsv1.ControllerRevision, error) {
		var list appsv1.ControllerRevisionList
		err := c.Client.List(ctx, &list, client.InNamespace(owner.Object.GetNamespace()),
			client.MatchingFields{kit.OwnerIndex: ownerUID}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, fmt.Errorf("listing controller revisions: %w", err)
		}
		return pointers(list.Items), nil
	})
}

// ListPods returns the pods in a namespace that the owner with this UID controls.
// They are shared with the cache: read-only.
func ListPods(ctx context.Context, c client.Reader, namespace, ownerUID string) ([]*corev1.Pod, error) {
	var list corev1.PodList
	err := c.List(ctx, &list, client.InNamespace(namespace),
		client.MatchingFields{kit.OwnerIndex: ownerUID}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("listing pods: %w", err)
	}
	return pointers(list.Items), nil
}

func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

func (c *Claimer) matches(owner Owner, obj client.Object) bool {
	return owner.Selector.Matches(labels.Set(obj.GetLabels())) && (c.Member == nil || c.Member(owner.Object, obj))
}

// claim keeps what the owner controls and still selects, releases the rest, and adopts what it selects and nobody controls. An owner that is
// going away only keeps.
func claim[T client.Object](ctx context.Context, c *Claimer, owner Owner, list func(ownerUID string) ([]T, error)) ([]T, error) {
	owned, err := list(string(owner.Object.GetUID()))
	if err != nil {
		return nil, err
	}
	var errs []error
	claimed := make([]T, 0, len(owned))
	deleting := owner.Object.GetDeletionTimestamp() != nil
	for _, obj := range owned {
		if deleting || c.matches(owner, obj) {
			claimed = append(claimed, obj)
			continue
		}
		errs = append(errs, c.release(ctx, owner, obj))
	}
	if deleting {
		return claimed, errors.Join(errs...)
	}
	orphans, err := list(kit.NoOwner)
	if err != nil {
		return nil, err
	}
	orphans = slices.DeleteFunc(orphans, func(obj T) bool { return obj.GetDeletionTimestamp() != nil || !c.matches(owner, obj) })
	if len(orphans) > 0 {
		if err := c.mayAdopt(ctx, owner); err != nil {
			return nil, err
		}
	}
	for _, obj := range orphans {
		adopted, err := adopt(ctx, c, owner, obj)
		switch {
		case err == nil:
			claimed = append(claimed, adopted)
		case !apierrors.IsNotFound(err):
			errs = append(errs, fmt.Errorf("adopting %s: %w", obj.GetName(), err))
		}
	}
	return claimed, errors.Join(errs...)
}

// mayAdopt looks at the owner past the cache: one that is going away adopts nothing.
func (c *Claimer) mayAdopt(ctx context.Context, owner Owner) error {
	fresh := &metav1.PartialObjectMetadata{}
	fresh.SetGroupVersionKind(owner.GVK)
	if err := c.Live.Get(ctx, client.ObjectKeyFromObject(owner.Object), fresh); err != nil {
		return fmt.Errorf("reading owner before adoption: %w", err)
	}
	if fresh.UID != owner.Object.GetUID() {
		return fmt.Errorf("owner %s was replaced: uid %s is now %s", owner.Object.GetName(), owner.Object.GetUID(), fresh.UID)
	}
	if fresh.DeletionTimestamp != nil {
		return fmt.Errorf("%s/%s has just been deleted at %v", owner.Object.GetNamespace(), owner.Object.GetName(), fresh.DeletionTimestamp)
	}
	return nil
}

func adopt[T client.Object](ctx context.Context, c *Claimer, owner Owner, obj T) (T, error) {
	meta := map[string]any{"ownerReferences": []metav1.OwnerReference{owner.Reference()}, "uid": obj.GetUID()}
	if c.Finalizer != "" {
		meta["finalizers"] = []string{c.Finalizer}
	}
	body, err := json.Marshal(map[string]any{"metadata": meta})
	if err != nil {
		return obj, fmt.Errorf("encoding adoption: %w", err)
	}
	adopted := obj.DeepCopyObject().(T)
	return adopted, c.Client.Patch(ctx, adopted, client.RawPatch(types.StrategicMergePatchType, body))
}

func (c *Claimer) release(ctx context.Context, owner Owner, obj client.Object) error {
	meta := map[string]any{
		"ownerReferences": []map[string]any{{"$patch": "delete", "uid": owner.Object.GetUID()}},
		"uid":             obj.GetUID(),
	}
	if c.Finalizer != "" {
		meta["$deleteFromPrimitiveList/finalizers"] = []string{c.Finalizer}
	}
	body, err := json.Marshal(map[string]any{"metadata": meta})
	if err != nil {
		return fmt.Errorf("encoding release: %w", err)
	}
	err = c.Client.Patch(ctx, obj.DeepCopyObject().(client.Object), client.RawPatch(types.StrategicMergePatchType, body))
	if apierrors.IsNotFound(err) || apierrors.IsInvalid(err) { // gone, or never had the reference
		return nil
	}
	if err != nil {
		return fmt.Errorf("releasing %s: %w", obj.GetName(), err)
	}
	return nil
}
