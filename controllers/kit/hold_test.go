package kit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// informers are one informer, which shows what a test says.
type informers struct {
	cache.Informers
	toolscache.SharedIndexInformer
	store   toolscache.Store
	handler toolscache.ResourceEventHandler
}

func (i *informers) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return i, nil
}

func (i *informers) GetStore() toolscache.Store { return i.store }

func (i *informers) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.handler = h
	return nil, nil
}

func (i *informers) RemoveEventHandler(toolscache.ResourceEventHandlerRegistration) error {
	i.handler = nil
	return nil
}

func (i *informers) show(obj *corev1.Pod) {
	_ = i.store.Update(obj)
	if i.handler != nil {
		i.handler.OnUpdate(nil, obj)
	}
}

func (i *informers) remove(obj *corev1.Pod) {
	_ = i.store.Delete(obj)
	i.handler.OnDelete(obj)
}

// answering is an API server that gives each write the answer it is told to.
type answering struct {
	client.Client
	revision string
	err      error
}

func (a *answering) answer(obj client.Object) error {
	if a.err == nil && a.revision != "" {
		obj.SetResourceVersion(a.revision)
	}
	return a.err
}

func (a *answering) Create(_ context.Context, obj client.Object, _ ...client.CreateOption) error {
	return a.answer(obj)
}

func (a *answering) Update(_ context.Context, obj client.Object, _ ...client.UpdateOption) error {
	return a.answer(obj)
}

func (a *answering) Delete(context.Context, client.Object, ...client.DeleteOption) error {
	return a.err
}

// bench is a controller with its queue.
type bench struct {
	informers *informers
	api       *answering
	holder    *holder
	queue     queue
	do        func(ctx context.Context, c client.Client) (reconcile.Result, error)
	runs      int
}

var request = reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "ns", Name: "owner"}}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{informers: &informers{store: toolscache.NewStore(toolscache.MetaNamespaceKeyFunc)}, api: &answering{}}
	sight := NewSight(b.informers)
	b.holder = sight.newHolder(reconcile.Func(func(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
		b.runs++
		return b.do(ctx, Writer(b.api))
	}))
	b.holder.scheme = scheme.Scheme
	pods := schema.GroupKind{Kind: "Pod"}
	v := sight.viewOf(pods, &corev1.Pod{})
	b.holder.views[pods] = v
	sight.follow(t.Context(), v)
	b.queue = b.holder.holding(NewQueue[reconcile.Request])("", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	go b.work(t.Context())
	t.Cleanup(b.queue.ShutDown)
	return b
}

// work is a worker of the controller.
func (b *bench) work(ctx context.Context) {
	for {
		next, over := b.queue.Get()
		if over {
			return
		}
		result, _ := b.holder.Reconcile(ctx, next)
		b.queue.Done(next)
		if result.RequeueAfter > 0 {
			b.queue.AddAfter(next, result.RequeueAfter)
		}
	}
}

// wake asks for a reconcile and waits until nothing more happens.
func (b *bench) wake() { b.queue.Add(request); synctest.Wait() }

func testPod(revision string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u", ResourceVersion: revision}}
}

func TestWaitsForItsOwnWrite(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, "p", nil)
	taken := apierrors.NewAlreadyExists(schema.GroupResource{Resource: "pods"}, "p")
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "p")
	create := func(ctx context.Context, c client.Client) error { return c.Create(ctx, testPod("")) }
	update := func(ctx context.Context, c client.Client) error { return c.Update(ctx, testPod("5")) }
	remove := func(ctx context.Context, c client.Client) error { return c.Delete(ctx, testPod("5")) }
	leaving := testPod("9")
	leaving.DeletionTimestamp = &metav1.Time{}
	for why, test := range map[string]struct {
		has   *corev1.Pod // before
		write func(context.Context, client.Client) error
		err   error
		// after stays out of sight until sooner, which is not enough
		sooner, after func(*informers)
	}{
		"created":            {nil, create, nil, func(i *informers) { i.handler.OnAdd(testPod("8"), false) }, func(i *informers) { i.show(testPod("9")) }},
		"came and went":      {nil, create, nil, nil, func(i *informers) { other := testPod("11"); other.Name = "other"; i.show(other) }},
		"updated":            {testPod("5"), update, nil, func(i *informers) { i.show(testPod("6")) }, func(i *informers) { i.show(testPod("9")) }},
		"updated, deleted":   {testPod("5"), update, nil, nil, func(i *informers) { i.remove(testPod("5")) }},
		"deleted":            {testPod("5"), remove, nil, func(i *informers) { i.show(testPod("6")) }, func(i *informers) { i.remove(testPod("6")) }},
		"deleted gracefully": {testPod("5"), remove, nil, nil, func(i *informers) { i.show(leaving) }},
		"was gone":           {testPod("5"), remove, gone, nil, func(i *informers) { i.remove(testPod("5")) }},
		"conflict":           {testPod("5"), update, conflict, func(i *informers) { i.show(testPod("5")) }, func(i *informers) { i.show(testPod("6")) }},
		"taken":              {nil, create, taken, nil, func(i *informers) { i.show(testPod("3")) }},
	} {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				if test.has != nil {
					b.informers.show(test.has)
				}
				b.api.revision, b.api.err = "9", test.err
				b.do = func(ctx context.Context, c client.Client) (reconcile.Result, error) {
					if b.runs > 1 {
						return reconcile.Result{}, nil
					}
					if err := test.write(ctx, c); apierrors.IsConflict(err) {
						return reconcile.Result{RequeueAfter: ConflictDelay}, nil
					}
					return reconcile.Result{}, nil
				}
				b.wake()
				b.wake()
				if test.sooner != nil {
					test.sooner(b.informers)
					b.wake()
				}
				if b.runs != 1 {
					t.Fatalf("ran %d times before it could see its write", b.runs)
				}
				began := time.Now()
				test.after(b.informers)
				synctest.Wait()
				if b.runs != 2 || !time.Now().Equal(began) {
					t.Errorf("ran %d times after it could see its write", b.runs)
				}
				b.empty(t)
			})
		})
	}
}

// empty says that nothing is remembered.
func (b *bench) empty(t *testing.T) {
	t.Helper()
	s, v := b.holder.sight, b.holder.views[schema.GroupKind{Kind: "Pod"}]
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(b.holder.open) + len(b.holder.held) + len(v.echoes) + len(v.order) + s.open + int(v.open.Load()); n > 0 {
		t.Errorf("remembers %d things", n)
	}
}

// What the cache shows at once, what it never shows and what is nobody's business do not hold anything up for long.
func TestDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.api.revision = "9"
		b.do = func(ctx context.Context, c client.Client) (reconcile.Result, error) {
			b.informers.show(testPod("9")) // faster than the answer
			return reconcile.Result{}, c.Update(ctx, testPod("5"))
		}
		b.wake()
		b.wake()
		if b.runs != 2 {
			t.Errorf("ran %d times, want 2", b.runs)
		}
		b.empty(t)
		b.api.revision = "20"
		b.do = func(ctx context.Context, c client.Client) (reconcile.Result, error) {
			if b.runs == 3 {
				return reconcile.Result{}, c.Update(ctx, testPod("9"))
			}
			return reconcile.Result{}, nil
		}
		b.wake()
		began := time.Now()
		b.wake()
		time.Sleep(patience)
		synctest.Wait()
		if b.runs != 4 || time.Since(began) != patience {
			t.Errorf("ran %d times after %s", b.runs, time.Since(began))
		}
		b.empty(t)
		if err := Writer(b.api).Update(t.Context(), testPod("9")); err != nil { // by nobody's reconcile
			t.Error(err)
		}
		b.empty(t)
	})
}

// A request that is held, and comes again when the cache shows the write but has not told of it, runs once for that.
func TestRunsOnceForWhatIsShownBeforeItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.api.revision = "9"
		b.do = func(ctx context.Context, c client.Client) (reconcile.Result, error) {
			if b.runs > 1 {
				return reconcile.Result{}, nil
			}
			return reconcile.Result{}, c.Create(ctx, testPod(""))
		}
		b.wake()
		b.wake()
		_ = b.informers.store.Add(testPod("9"))
		b.wake()
		if b.runs != 2 {
			t.Errorf("ran %d times, want 2", b.runs)
		}
		b.empty(t)
	})
}

// Each time that a request is held it is told of what the cache is behind with, and no more once it has been seen.
func TestTellsOfWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		b := newBench(t)
		b.holder.skipped = StaleSkips(registry, "job_controller_", "Job")
		b.api.revision = "9"
		b.do = func(ctx context.Context, c client.Client) (reconcile.Result, error) {
			if b.runs > 1 {
				return reconcile.Result{}, nil
			}
			return reconcile.Result{}, c.Create(ctx, testPod(""))
		}
		for range 3 {
			b.wake()
		}
		b.informers.show(testPod("9"))
		b.wake()
		want := map[string]float64{"job_controller_stale_sync_skips_total{,pods}": 2}
		if diff := cmp.Diff(want, fuzzing.Metrics(t, registry)); diff != "" {
			t.Error(diff)
		}
	})
}

// Nothing is heard, nor held, after the end.
func TestEndsWithItsController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		seen := &informers{store: toolscache.NewStore(toolscache.MetaNamespaceKeyFunc)}
		sight := NewSight(seen)
		h := sight.newHolder(nil)
		v := sight.viewOf(schema.GroupKind{Kind: "Pod"}, &corev1.Pod{})
		sight.follow(ctx, v)
		h.queue = NewQueue[reconcile.Request]("", workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
		defer h.queue.ShutDown()
		sight.note(&echo{to: h, request: request, view: v, key: "ns/p", kind: written, revision: 9})
		if h.hold(request) == nil {
			t.Error("a request is not held")
		}
		end()
		synctest.Wait()
		if seen.handler != nil || h.hold(request) != nil || sight.open != 0 {
			t.Errorf("%d echoes are left", sight.open)
		}
	})
}
