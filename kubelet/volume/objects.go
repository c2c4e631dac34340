package volume

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Ref names one ConfigMap or Secret.
type Ref struct {
	Kind      string // "ConfigMap" or "Secret"
	Namespace string
	Name      string
}

// ObjectSource is where ConfigMaps and Secrets come from. CacheSource shares a cache of all of them (in one
// process with the API server); WatchSource watches each one by its name (what the Node authorizer allows).
// Objects that it returns are read-only.
type ObjectSource interface {
	ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error)
	Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	// Watch calls changed after the object was created, changed or deleted, until stop is called. It may call it
	// once more than needed, and never blocks. Reads made after the call see at least the state that caused it.
	Watch(ref Ref, changed func()) (stop func())
}

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

// syncTimeout bounds how long a read waits for the first answer of a watch before it asks the API server itself.
const syncTimeout = 5 * time.Second

// WatchSource is an ObjectSource that watches each object by its own name, which is all that the Node authorizer lets a
// node do. Objects that nobody watches are read from the API server. Its exported fields are inputs.
type WatchSource struct {
	// Client must not read from a cache.
	Client client.WithWatch

	mu      sync.Mutex
	watches map[Ref]*objectWatch
}

// objectWatch is one informer for one object.
type objectWatch struct {
	users    int
	subs     subscriptions
	informer toolscache.SharedIndexInformer
	stop     context.CancelFunc
}

// ConfigMap implements ObjectSource.
func (s *WatchSource) ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	if object, ok := s.watched(ctx, Ref{kindConfigMap, namespace, name}).(*corev1.ConfigMap); ok {
		return object, nil
	}
	object := &corev1.ConfigMap{}
	return object, s.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
}

// Secret implements ObjectSource.
func (s *WatchSource) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	if object, ok := s.watched(ctx, Ref{kindSecret, namespace, name}).(*corev1.Secret); ok {
		return object, nil
	}
	object := &corev1.Secret{}
	return object, s.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
}

// watched returns the object as its watch has it, nil when it is not watched or does not exist.
func (s *WatchSource) watched(ctx context.Context, ref Ref) any {
	s.mu.Lock()
	watched, ok := s.watches[ref]
	s.mu.Unlock()
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	if !toolscache.WaitFor(ctx, "", watched.informer.HasSyncedChecker()) {
		return nil
	}
	object, ok, err := watched.informer.GetStore().GetByKey(ref.Namespace + "/" + ref.Name)
	if err != nil || !ok {
		return nil
	}
	return object
}

// Watch implements ObjectSource.
func (s *WatchSource) Watch(ref Ref, changed func()) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	watched, ok := s.watches[ref]
	if !ok {
		watched = s.start(ref)
		if s.watches == nil {
			s.watches = map[Ref]*objectWatch{}
		}
		s.watches[ref] = watched
	}
	watched.users++
	unsubscribe := watched.subs.add(ref, changed)
	return sync.OnceFunc(func() {
		unsubscribe()
		s.mu.Lock()
		defer s.mu.Unlock()
		if watched.users--; watched.users == 0 {
			watched.stop()
			delete(s.watches, ref)
		}
	})
}

// start is called with mu held.
func (s *WatchSource) start(ref Ref) *objectWatch {
	ctx, cancel := context.WithCancel(context.Background())
	watched := &objectWatch{stop: cancel}
	object, list := client.Object(&corev1.ConfigMap{}), func() client.ObjectList { return &corev1.ConfigMapList{} }
	if ref.Kind == kindSecret {
		object, list = &corev1.Secret{}, func() client.ObjectList { return &corev1.SecretList{} }
	}
	raw := func(options metav1.ListOptions) *client.ListOptions {
		return &client.ListOptions{
			Namespace:     ref.Namespace,
			FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, ref.Name),
			Raw:           &options,
		}
	}
	watched.informer = toolscache.NewSharedIndexInformer(toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			into := list()
			return into, s.Client.List(ctx, into, raw(options))
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return s.Client.Watch(ctx, list(), raw(options))
		},
	}, s.Client), object, 0, toolscache.Indexers{})
	changed := func(any) { watched.subs.notify(ref) }
	_, _ = watched.informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{ // fails only on a stopped informer
		AddFunc:    changed,
		UpdateFunc: func(_, object any) { changed(object) },
		DeleteFunc: changed,
	})
	go watched.informer.RunWithContext(ctx)
	return watched
}
