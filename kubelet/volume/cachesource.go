package volume

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// CacheSource is an ObjectSource on a cache of all ConfigMaps and Secrets, as components in the API server's own
// process share one. Its exported fields are inputs.
type CacheSource struct {
	Cache cache.Cache

	mu      sync.Mutex
	started map[string]bool // kinds with an event handler
	subs    subscriptions
}

// ConfigMap implements ObjectSource.
func (s *CacheSource) ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	object := &corev1.ConfigMap{}
	return object, s.Cache.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
}

// Secret implements ObjectSource.
func (s *CacheSource) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	object := &corev1.Secret{}
	return object, s.Cache.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
}

// Watch implements ObjectSource.
func (s *CacheSource) Watch(ref Ref, changed func()) (stop func()) {
	stop = s.subs.add(ref, changed)
	s.start(ref.Kind)
	return stop
}

// start hooks the kind's one event handler up, at its first use.
func (s *CacheSource) start(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started[kind] {
		return
	}
	object := client.Object(&corev1.ConfigMap{})
	if kind == kindSecret {
		object = &corev1.Secret{}
	}
	// The informer lives as long as the cache; this call only looks it up, and must not wait for it to be filled.
	informer, err := s.Cache.GetInformer(context.Background(), object, cache.BlockUntilSynced(false))
	if err == nil {
		_, err = informer.AddEventHandler(s.handler(kind))
	}
	if err != nil {
		log.Log.Error(err, "Watching objects that pods refer to failed", "kind", kind)
		return
	}
	if s.started == nil {
		s.started = map[string]bool{}
	}
	s.started[kind] = true
}

func (s *CacheSource) handler(kind string) toolscache.ResourceEventHandler {
	changed := func(object any) {
		if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		if object, ok := object.(client.Object); ok {
			s.subs.notify(Ref{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()})
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		DeleteFunc: changed,
		UpdateFunc: func(old, object any) {
			before, _ := old.(client.Object)
			after, _ := object.(client.Object)
			if before == nil || after == nil || before.GetResourceVersion() != after.GetResourceVersion() {
				changed(object)
			}
		},
	}
}

// subscriptions are the callbacks that wait for changes, by what they wait for.
type subscriptions struct {
	mu   sync.Mutex
	next int
	subs map[Ref]map[int]func()
}

func (s *subscriptions) add(ref Ref, changed func()) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs == nil {
		s.subs = map[Ref]map[int]func(){}
	}
	if s.subs[ref] == nil {
		s.subs[ref] = map[int]func(){}
	}
	id := s.next
	s.next++
	s.subs[ref][id] = changed
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subs[ref], id)
		if len(s.subs[ref]) == 0 {
			delete(s.subs, ref)
		}
	}
}

func (s *subscriptions) notify(ref Ref) {
	s.mu.Lock()
	callbacks := make([]func(), 0, len(s.subs[ref]))
	for _, changed := range s.subs[ref] {
		callbacks = append(callbacks, changed)
	}
	s.mu.Unlock()
	for _, changed := range callbacks {
		changed()
	}
}
