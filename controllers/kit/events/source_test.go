package events

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// shownCache is a cache with one informer.
type shownCache struct {
	cache.Cache
	informer *registering
}

func (c shownCache) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return c.informer, nil
}

func (c shownCache) WaitForCacheSync(context.Context) bool { return true }

// registering is an informer that keeps whom it is to tell. It has told of what there was from the beginning.
type registering struct {
	toolscache.SharedIndexInformer
	handler toolscache.ResourceEventHandler
}

func (r *registering) AddEventHandlerWithOptions(h toolscache.ResourceEventHandler, _ toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	r.handler = h
	return r, nil
}

func (r *registering) HasSynced() bool { return true }

func (r *registering) HasSyncedChecker() toolscache.DoneChecker { return nil }

// Every event comes to the handler as controller-runtime's own source tells of it.
func TestEventsOfAKind(t *testing.T) {
	var told []any
	note := handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
			told = append(told, e)
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(e.Object)})
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ queue) { told = append(told, e) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ queue) { told = append(told, e) },
	}
	informer := &registering{}
	source := Of(shownCache{informer: informer}, &corev1.Pod{}, note)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer queue.ShutDown()
	if err := source.Start(t.Context(), queue); err != nil {
		t.Fatal(err)
	}
	if err := source.WaitForSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	after := before.DeepCopy()
	after.Labels = map[string]string{"a": "b"}
	informer.handler.OnAdd(before, true)
	informer.handler.OnUpdate(before, after)
	informer.handler.OnDelete(after)
	informer.handler.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "shop/web", Obj: after})
	want := []any{
		event.CreateEvent{Object: before, IsInInitialList: true}, event.UpdateEvent{ObjectOld: before, ObjectNew: after},
		event.DeleteEvent{Object: after}, event.DeleteEvent{Object: after, DeleteStateUnknown: true},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +told:\n%s", diff)
	}
	if got, _ := queue.Get(); got.NamespacedName != (types.NamespacedName{Namespace: "shop", Name: "web"}) {
		t.Errorf("queued %v", got)
	}
	if got := fmt.Sprint(source); got != "kind source: *v1.Pod" {
		t.Errorf("it is called %q", got)
	}
}
