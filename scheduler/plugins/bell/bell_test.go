package bell

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// informer is the one of all kinds, and has room for one handler.
type informer struct {
	cache.Informers
	cache.Informer
	handler toolscache.ResourceEventHandler
}

func (i *informer) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return i, nil
}

func (i *informer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.handler = h
	return nil, nil
}

func (i *informer) RemoveEventHandler(toolscache.ResourceEventHandlerRegistration) error {
	i.handler = nil
	return nil
}

func TestRingsUntilItIsClosed(t *testing.T) {
	b, seen := &Bell{}, &informer{}
	for range 2 {
		if err := b.Listen(t.Context(), seen, &corev1.Pod{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, happens := range []func(){
		func() { seen.handler.OnAdd(nil, false) }, func() { seen.handler.OnUpdate(nil, nil) }, func() { seen.handler.OnDelete(nil) },
	} {
		next := b.Next()
		happens()
		select {
		case <-next:
		default:
			t.Error("it did not ring")
		}
	}
	b.Close()
	b.Close()
	if seen.handler != nil {
		t.Error("it goes on listening")
	}
	over, end := context.WithCancel(t.Context())
	end()
	if err := b.Listen(over, seen, &corev1.Pod{}); err == nil || seen.handler != nil {
		t.Errorf("it listens for who is over: %v", err)
	}
}
