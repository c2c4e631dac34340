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
	indexer := indexerOf(informers, kind)
	return func(ctx context.Context, namespace string, look func(T)) {
		of := indexer(ctx)
		if of == nil {
			return
		}
		all, err := of.ByIndex(toolscache.NamespaceIndex, namespace)
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

// Shared returns what the informer holds in place of a copy of the same revision, which a list makes: for those who keep objects. It must
// not be changed.
func Shared[T client.Object](informers cache.Informers, kind T) func(ctx context.Context, copied T) T {
	indexer := indexerOf(informers, kind)
	return func(ctx context.Context, copied T) T {
		of := indexer(ctx)
		if of == nil {
			return copied
		}
		item, found, err := of.Get(copied)
		if held, ok := item.(T); ok && found && err == nil && held.GetResourceVersion() == copied.GetResourceVersion() && held.GetUID() == copied.GetUID() {
			return held
		}
		return copied
	}
}

// indexerOf is where the informer of a kind holds objects, nil if that is not known.
func indexerOf(informers cache.Informers, kind client.Object) func(context.Context) toolscache.Indexer {
	var known atomic.Pointer[toolscache.Indexer]
	return func(ctx context.Context) toolscache.Indexer {
		if indexer := known.Load(); indexer != nil {
			return *indexer
		}
		informer, err := informers.GetInformer(ctx, kind)
		if err != nil {
			return nil
		}
		shared, ok := informer.(toolscache.SharedIndexInformer)
		if !ok {
			return nil
		}
		found := shared.GetIndexer()
		known.Store(&found)
		return found
	}
}
