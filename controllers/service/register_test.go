package service

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// waits is a queue for one request, with a time of its own. Like the real one it keeps the earliest time that is asked for.
type waits struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	now, ready time.Duration
	waiting    bool
}

func (w *waits) AddAfter(_ reconcile.Request, wait time.Duration) {
	if at := w.now + wait; !w.waiting || at < w.ready {
		w.ready, w.waiting = at, true
	}
}

// Nodes come at 1,000 a second. What a load balancer looks at for them is counted in nodes, in all.
func TestNodesThatComeCostNotTheirSquare(t *testing.T) {
	const come = 2000
	f := newFixture(t)
	var nodes []corev1.Node
	f.controller.Client = interceptor.NewClient(f.controller.Client.(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, api client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if all, ok := list.(*corev1.NodeList); ok {
				all.Items = nodes
				return nil
			}
			return api.List(ctx, list, options...)
		},
	})
	queue, handler := &waits{}, f.controller.changes()
	looked, times := 0, 0
	reconcileOnce := func() {
		queue.waiting = false
		if _, err := f.controller.Reconcile(t.Context(), f.service()); err != nil {
			t.Fatal(err)
		}
		times++
		looked += int(f.controller.count.Load())
	}
	for i := range come {
		next := node(fmt.Sprintf("node-%d", i), "True")
		nodes = append(nodes, *next)
		handler.Create(t.Context(), event.CreateEvent{Object: next}, queue)
		if queue.now += time.Millisecond; queue.waiting && queue.ready <= queue.now {
			reconcileOnce()
		}
	}
	for queue.waiting {
		queue.now = queue.ready
		reconcileOnce()
	}
	calls := f.cloud.UpdateCalls
	if last := calls[len(calls)-1].Hosts; len(last) != come {
		t.Errorf("the load balancer knows %d nodes, want %d", len(last), come)
	}
	if looked > 4*come {
		t.Errorf("%d times it looked at %d nodes in all for %d that came", times, looked, come)
	}
	t.Logf("%d times it looked at %d nodes in all for %d that came", times, looked, come)
}

// What is handed to a provider is not the cache's.
func TestProvidersGetCopies(t *testing.T) {
	nodes := []*corev1.Node{node("boat", "True")}
	if got := copies(nodes); got[0] == nodes[0] || got[0].Name != "boat" {
		t.Errorf("a provider is given %p, the cache's own is %p", got[0], nodes[0])
	}
}
