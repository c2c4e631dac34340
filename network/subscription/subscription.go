package subscription

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Kind is a kind of object, and who hears of it.
type Kind struct {
	Object  client.Object
	Handler toolscache.ResourceEventHandler
}

// Subscription is to the kinds that it was opened for.
type Subscription struct {
	stops  []func()
	synced []toolscache.InformerSynced
}

// Open subscribes to all kinds, or to none. Handlers may be called from then on, each by a goroutine of its own.
func Open(ctx context.Context, informers cache.Informers, kinds ...Kind) (*Subscription, error) {
	s := &Subscription{}
	for _, kind := range kinds {
		if err := s.add(ctx, informers, kind); err != nil {
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

func (s *Subscription) add(ctx context.Context, informers cache.Informers, kind Kind) error {
	informer, err := informers.GetInformer(ctx, kind.Object)
	if err != nil {
		return fmt.Errorf("getting the informer of %T: %w", kind.Object, err)
	}
	registration, err := informer.AddEventHandler(kind.Handler)
	if err != nil {
		return fmt.Errorf("subscribing to %T: %w", kind.Object, err)
	}
	s.stops = append(s.stops, func() { _ = informer.RemoveEventHandler(registration) })
	s.synced = append(s.synced, registration.HasSynced)
	return nil
}

// Wait returns true when the handlers have heard of everything that there was, and false when ctx ends before.
func (s *Subscription) Wait(ctx context.Context) bool {
	return toolscache.WaitForCacheSync(ctx.Done(), s.synced...)
}

// Stop ends the subscription.
func (s *Subscription) Stop() {
	for _, stop := range s.stops {
		stop()
	}
}

// Handler calls set with what is there or changes, and remove, unless it is nil, with what is gone.
func Handler[T client.Object](set, remove func(T)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { set(o.(T)) },
		UpdateFunc: func(_, o any) { set(o.(T)) },
		DeleteFunc: func(o any) {
			if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			if object, ok := o.(T); ok && remove != nil {
				remove(object)
			}
		},
	}
}
