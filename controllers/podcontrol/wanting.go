package podcontrol

import (
	"context"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Wanting returns what names the objects of one kind that may adopt an orphan: those in its namespace whose selector is
// not empty and matches it. kind is an empty object of that kind; selector returns the selector of one.
//
// It is asked about every new pod without an owner, by every controller of pods. So it reads the informer's store as it is: to
// list by a client costs more than all else that is done about such a pod.
func Wanting[T client.Object](informers cache.Informers, kind T, selector func(T) *metav1.LabelSelector) func(context.Context, client.Object) []types.NamespacedName {
	var known atomic.Pointer[toolscache.Indexer]
	return func(ctx context.Context, orphan client.Object) []types.NamespacedName {
		if known.Load() == nil {
			informer, err := informers.GetInformer(ctx, kind)
			if err != nil {
				return nil
			}
			shared, ok := informer.(toolscache.SharedIndexInformer)
			if !ok {
				return nil
			}
			indexer := shared.GetIndexer()
			known.Store(&indexer)
		}
		all, err := (*known.Load()).ByIndex(toolscache.NamespaceIndex, orphan.GetNamespace())
		if err != nil {
			return nil
		}
		var names []types.NamespacedName
		for _, item := range all {
			owner, ok := item.(T)
			if !ok {
				continue
			}
			wants, err := metav1.LabelSelectorAsSelector(selector(owner))
			if err == nil && !wants.Empty() && wants.Matches(labels.Set(orphan.GetLabels())) {
				names = append(names, client.ObjectKeyFromObject(owner))
			}
		}
		return names
	}
}
