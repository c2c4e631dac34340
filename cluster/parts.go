package cluster

import (
	"context"
	"fmt"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// parts run beside each other and read from caches that they share.
type parts struct {
	caches     []cache.Cache
	components []component
	failed     <-chan error // of what they depend on; may be nil
}

// newParts sets everything up that can be set up before it runs, so that what is wrong with it is known before the
// cluster is said to be ready.
func newParts(ctx context.Context, plane *controlPlane) (*parts, error) {
	shared, err := plane.newCache()
	if err != nil {
		return nil, err
	}
	components, err := newComponents(ctx, plane, shared)
	return &parts{caches: []cache.Cache{shared}, components: components, failed: plane.failed}, err
}

// run runs all parts until ctx ends or one of them fails; then it ends them all. The caches that they share end last:
// some of them wait for them even while they stop.
func (p *parts) run(ctx context.Context) error {
	outlasting, end := context.WithCancel(context.WithoutCancel(ctx))
	var caching, running sync.WaitGroup
	defer caching.Wait()
	defer end()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, len(p.components)+len(p.caches))
	for _, shared := range p.caches {
		caching.Go(func() {
			if err := shared.Start(outlasting); err != nil {
				failed <- fmt.Errorf("running a cache: %w", err)
			}
		})
	}
	for _, part := range p.components {
		running.Go(func() {
			named := log.IntoContext(ctx, log.FromContext(ctx).WithName(part.name))
			if err := part.run(named); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("running the %s: %w", part.name, err)
			}
		})
	}
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-failed:
	case failure = <-p.failed:
	}
	stop()
	running.Wait()
	return failure
}
