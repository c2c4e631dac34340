package volume

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// sharedCache is as much of a cache.Cache as CacheSource uses, on one informer for all ConfigMaps.
type sharedCache struct {
	cache.Cache
	client   client.WithWatch
	informer toolscache.SharedIndexInformer
}

func newSharedCache(t *testing.T, c client.WithWatch) *sharedCache {
	informer := toolscache.NewSharedIndexInformer(toolscache.ToListWatcherWithWatchListSemantics(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
			list := &corev1.ConfigMapList{}
			return list, c.List(ctx, list)
		},
		WatchFuncWithContext: func(ctx context.Context, _ metav1.ListOptions) (watch.Interface, error) {
			return c.Watch(ctx, &corev1.ConfigMapList{})
		},
	}, c), &corev1.ConfigMap{}, 0, toolscache.Indexers{})
	go informer.RunWithContext(t.Context())
	return &sharedCache{client: c, informer: informer}
}

func (s *sharedCache) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return s.informer, nil
}

func (s *sharedCache) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return s.client.Get(ctx, key, object, options...)
}

func TestSharedCacheTellsOnlyWhoRefers(t *testing.T) {
	ctx := context.Background()
	object, other := configMap("conf", map[string]string{"k": "1"}), configMap("other", nil)
	w := newWorld(t, object, other)
	source := &CacheSource{Cache: newSharedCache(t, w.client)}
	changes := make(chan string, 100)
	stop := source.Watch(Ref{kindConfigMap, "ns", "conf"}, func() {
		if found, err := source.ConfigMap(ctx, "ns", "conf"); err == nil {
			changes <- found.Data["k"]
		}
	})
	await := func(want string) {
		t.Helper()
		for {
			select {
			case got := <-changes:
				if got == want {
					return
				}
			case <-time.After(time.Minute):
				t.Fatalf("the change to %q did not arrive", want)
			}
		}
	}
	await("1")
	if err := w.client.Update(ctx, other); err != nil {
		t.Fatal(err)
	}
	object.Data["k"] = "2"
	if err := w.client.Update(ctx, object); err != nil {
		t.Fatal(err)
	}
	await("2")
	stop()
	if len(source.subs.subs) != 0 {
		t.Errorf("%d references are left", len(source.subs.subs))
	}
}
