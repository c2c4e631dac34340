package podcontrol

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Wanting returns what names the objects of one kind that may adopt an orphan: those in its namespace whose selector is
// not empty and matches it. kind is an empty object of that kind; selector returns the selector of one.
func Wanting[T client.Object](informers cache.Informers, kind T, selector func(T) *metav1.LabelSelector) func(context.Context, client.Object) []types.NamespacedName {
	inNamespace := kit.InNamespace(informers, kind)
	return func(ctx context.Context, orphan client.Object) []types.NamespacedName {
		var names []types.NamespacedName
		inNamespace(ctx, orphan.GetNamespace(), func(owner T) {
			wants, err := metav1.LabelSelectorAsSelector(selector(owner))
			if err == nil && !wants.Empty() && wants.Matches(labels.Set(orphan.GetLabels())) {
				names = append(names, client.ObjectKeyFromObject(owner))
			}
		})
		return names
	}
}
