package parts

import (
	"context"
	"fmt"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// All of them run beside each other and read from caches that they share.
type All struct {
	Caches []cache.Cache
	Parts  []Part
	Failed <-chan error // of what they depend on; may be nil
}

// Run runs all parts until ctx ends or one of them fails; then it ends them all. The caches that they share end last:
// some of them wait for them even while they stop.
func (p *All) Run(ctx context.Context) error {
	outlasting, end := context.WithCancel(context.WithoutCancel(ctx))
	var caching, running sync.WaitGroup
	defer caching.Wait()
	defer end()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, len(p.Parts)+len(p.Caches))
	for _, shared := range p.Caches {
		caching.Go(func() {
			if err := shared.Start(outlasting); err != nil {
				failed <- fmt.Errorf("running a cache: %w", err)
			}
		})
	}
	for _, part := range p.Parts {
		running.Go(func() {
			named := log.IntoContext(ctx, log.FromContext(ctx).WithName(part.Name))
			if err := part.Run(named); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("running the %s: %w", part.Name, err)
			}
		})
	}
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-failed:
	case failure = <-p.Failed:
	}
	stop()
	running.Wait()
	return failure
}

// Part is one part beside the control plane. Run returns when ctx ends, after everything it started has.
type Part struct {
	Name string
	Run  func(ctx context.Context) error
}
