package network

import (
	"context"
	"net/netip"
	"sync"
)

// runner runs a fabric, and again when the node's share of the pods' networks has changed.
type runner struct {
	fabric Fabric
	// failed has the error of a fabric that ended though nobody asked it to.
	failed chan error
	// ways has the latest announcement until it is read.
	ways   chan Ways
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newRunner(f Fabric) *runner {
	return &runner{fabric: f, failed: make(chan error, 1), ways: make(chan Ways, 1), cancel: func() {}}
}

func (r *runner) restart(ctx context.Context, own []netip.Prefix) {
	r.stop()
	if r.fabric == nil {
		r.announce(Ways{})
		return
	}
	ctx, r.cancel = context.WithCancel(ctx)
	r.done.Go(func() {
		if err := r.fabric.Run(ctx, own, r.announce); err != nil && ctx.Err() == nil {
			r.failed <- err
		}
	})
}

func (r *runner) announce(w Ways) {
	select {
	case <-r.ways:
	default:
	}
	r.ways <- w
}

// stop ends the fabric and forgets what it has announced.
func (r *runner) stop() {
	r.cancel()
	r.done.Wait()
	select {
	case <-r.ways:
	default:
	}
}
