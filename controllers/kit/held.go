package kit

import (
	"context"
	"sync/atomic"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// InNamespace returns what calls look with each object of a kind in a namespace, as the informer holds it: it is shared and must
// not be changed. kind is an empty object of that kind.
//
// It is for handlers of events: a list by a client costs more than all else that is done about a pod of nobody, and several
// controllers ask about each pod.
func InNamespace[T client.Object](informers cache.Informers, kind T) func(ctx context.Context, namespace string, look func(T)) {
	var known atomic.Pointer[toolscache.Indexer]
	return func(ctx context.Context, namespace string, look func(T)) {
		indexer := known.Load()
		if indexer == nil {
			informer, err := informers.GetInformer(ctx, kind)
			if err != nil {
				return
			}
			shared, ok := informer.(toolscache.SharedIndexInformer)
			if !ok {
				return
			}
			found := shared.GetIndexer()
			indexer = &found
			known.Store(indexer)
		}
		all, err := (*indexer).ByIndex(toolscache.NamespaceIndex, namespace)
		if err != nil {
			return
		}
		for _, item := range all {
			if object, ok := item.(T); ok {
				look(object)
			}
		}
	}
}
