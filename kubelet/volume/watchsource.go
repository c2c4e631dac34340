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
	"sigs.k8s.io/controller-runtime/pkg/client"
)

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
