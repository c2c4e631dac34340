package podcontrol

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Wanting returns what names the objects of one kind that may adopt an orphan: those in its namespace whose selector is
// not empty and matches it. They are listed into a new list of their kind; selector returns the selector of an item.
func Wanting[T runtime.Object](reader client.Reader, list func() client.ObjectList, selector func(T) *metav1.LabelSelector) func(context.Context, client.Object) []types.NamespacedName {
	return func(ctx context.Context, orphan client.Object) []types.NamespacedName {
		all := list()
		if err := reader.List(ctx, all, client.InNamespace(orphan.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
			return nil
		}
		var names []types.NamespacedName
		_ = meta.EachListItem(all, func(item runtime.Object) error {
			owner, ok := item.(T)
			if !ok {
				return nil
			}
			wants, err := metav1.LabelSelectorAsSelector(selector(owner))
			if object, isObject := item.(client.Object); err == nil && isObject && !wants.Empty() && wants.Matches(labels.Set(orphan.GetLabels())) {
				names = append(names, client.ObjectKeyFromObject(object))
			}
			return nil
		})
		return names
	}
}
