package localcache

import (
	"context"
	"math"
	"sync"
	"sync/atomic"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/waiters"
)

// order has the informers of a cache tell of an end, or that one has begun, only when the indexes of all show what came before it. Otherwise
// somebody hears that a pod is gone, or is to go, finds its owner, which went first, and makes another.
//
//	Service deleted ──> garbage collector ──> slice deleted ──> who looks for the Service does not find it
//
// Other changes wait for nothing: whoever acts on what is old then is refused.
type order struct {
	// whole waits until the watch cache shows a revision of all kinds.
	whole func(ctx context.Context, revision int64) error

	mu  sync.Mutex
	all []*progress
}

// progress is how far the index of an informer is.
type progress struct {
	revision atomic.Int64
	told     func() int64 // the revision of the kind's last change that its watchers hear of
	waiting  waiters.Waiters
}

func (o *order) join(p *progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, p)
}

func (o *order) leave(p *progress) {
	p.reach(math.MaxInt64) // nobody waits for it any more
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, other := range o.all {
		if other == p {
			o.all = append(o.all[:i:i], o.all[i+1:]...)
			return
		}
	}
}

// await waits until all indexes show what came before a revision of the watch cache. It returns false if ctx ends first.
func (o *order) await(ctx context.Context, revision int64) bool {
	o.mu.Lock()
	all := o.all
	o.mu.Unlock()
	if o.whole(ctx, revision) != nil {
		return false
	}
	for _, p := range all {
		if p.await(ctx, revision) != nil {
			return false
		}
	}
	return true
}

func (p *progress) await(ctx context.Context, revision int64) error {
	at := p.revision.Load()
	if at == 0 || at >= revision {
		return nil // it has nothing yet, or all
	}
	if until := min(revision, p.told()); at < until {
		return p.waiting.Wait(ctx, until, &p.revision)
	}
	return nil
}

// reach says that the index shows all up to a revision.
func (p *progress) reach(revision int64) {
	p.revision.Store(revision)
	p.waiting.Wake(revision)
}
