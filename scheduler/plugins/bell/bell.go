package bell

import (
	"context"
	"fmt"
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Bell rings when an object of a kind comes, changes or goes. The zero value does not listen yet.
type Bell struct {
	// Rings says whether a change of an object rings it; nil for all. What comes and goes does always.
	Rings func(old, now any) bool

	mu       sync.Mutex
	next     chan struct{} // closed when it rings
	informer cache.Informer
	handle   toolscache.ResourceEventHandlerRegistration
}

// Listen has it rung by the informer of a kind, of which object is an example, if it is not yet.
func (b *Bell) Listen(ctx context.Context, informers cache.Informers, object client.Object) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.informer != nil || ctx.Err() != nil {
		return ctx.Err()
	}
	informer, err := informers.GetInformer(ctx, object)
	if err != nil {
		return fmt.Errorf("getting the informer of %T: %w", object, err)
	}
	b.next = make(chan struct{})
	handle, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { b.ring() }, UpdateFunc: b.changed, DeleteFunc: func(any) { b.ring() },
	})
	if err != nil {
		return fmt.Errorf("following the informer of %T: %w", object, err)
	}
	b.informer, b.handle = informer, handle
	return nil
}

// Next is closed when it rings next. Who looks after having asked for it misses nothing.
func (b *Bell) Next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// Close ends listening.
func (b *Bell) Close() {
	b.mu.Lock()
	informer, handle := b.informer, b.handle
	b.informer = nil
	b.mu.Unlock()
	if informer != nil {
		_ = informer.RemoveEventHandler(handle)
	}
}

func (b *Bell) changed(old, now any) {
	if b.Rings == nil || b.Rings(old, now) {
		b.ring()
	}
}

func (b *Bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.next)
	b.next = make(chan struct{})
}
