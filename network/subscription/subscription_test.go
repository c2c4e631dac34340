package subscription_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"

	"github.com/coxswain-k8s/coxswain/network/subscription"
)

func node(name string) *corev1.Node { return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}} }

// heard is a handler that writes down what it hears of.
func heard(into *[]string) toolscache.ResourceEventHandler {
	return subscription.Handler(
		func(n *corev1.Node) { *into = append(*into, "set "+n.Name) },
		func(n *corev1.Node) { *into = append(*into, "remove "+n.Name) })
}

func TestHandler(t *testing.T) {
	var got []string
	h := heard(&got)
	h.OnAdd(node("a"), true)
	h.OnUpdate(node("a"), node("b"))
	h.OnDelete(node("c"))
	h.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "d", Obj: node("d")}) // its end was missed
	h.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "e"})
	subscription.Handler(func(*corev1.Node) {}, nil).OnDelete(node("f"))
	if want := []string{"set a", "set b", "remove c", "remove d"}; !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// informers counts who listens to them. It has none for Services.
type informers struct {
	*informertest.FakeInformers
	listeners int
}

func (i *informers) GetInformer(ctx context.Context, of client.Object, options ...cache.InformerGetOption) (cache.Informer, error) {
	if _, ok := of.(*corev1.Service); ok {
		return nil, errors.New("there is none")
	}
	informer, err := i.FakeInformers.GetInformer(ctx, of, options...)
	return counted{informer, i}, err
}

type counted struct {
	cache.Informer
	of *informers
}

func (c counted) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	c.of.listeners++
	return c.Informer.AddEventHandler(h)
}

func (c counted) RemoveEventHandler(toolscache.ResourceEventHandlerRegistration) error {
	c.of.listeners--
	return nil
}

func TestOpenSubscribesToAllOrNone(t *testing.T) {
	ctx := t.Context()
	all := &informers{FakeInformers: &informertest.FakeInformers{}}
	var got []string
	nodes := subscription.Kind{Object: &corev1.Node{}, Handler: heard(&got)}
	if _, err := subscription.Open(ctx, all, nodes, subscription.Kind{Object: &corev1.Service{}}); err == nil || all.listeners != 0 {
		t.Fatalf("with a kind that has no informer: error %v, %d listen", err, all.listeners)
	}
	s, err := subscription.Open(ctx, all, nodes)
	if err != nil || all.listeners != 1 {
		t.Fatalf("error %v, %d listen", err, all.listeners)
	}
	if !s.Wait(ctx) {
		t.Error("did not hear of all that there was")
	}
	s.Stop()
	if all.listeners != 0 {
		t.Errorf("%d listen after the end", all.listeners)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	unsynced := map[schema.GroupVersionKind]toolscache.SharedIndexInformer{corev1.SchemeGroupVersion.WithKind("Node"): controllertest.NewFakeInformer()}
	s, err := subscription.Open(t.Context(), &informertest.FakeInformers{InformersByGVK: unsynced}, subscription.Kind{Object: &corev1.Node{}, Handler: heard(new([]string))})
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if s.Wait(ended) {
		t.Error("heard of everything from an informer that knows nothing")
	}
}
