package compaction

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

const (
	// Age is how old the past is at least when it is dropped: continued lists and late watchers need it for so long.
	// Every is how often that is looked at; what is older than both together is gone.
	Age   = 5 * time.Minute
	Every = Age / 2
)

// Compaction of a store.
type Compaction struct {
	Store storage.Store
	Cache *cache.Cache
	Clock clock.WithTicker
	// Compacted is the revision before which nothing is listed any more.
	Compacted *atomic.Int64
}

// Run drops the past from the store, as it grows, until ctx ends. When nothing is written it does nothing.
func (c Compaction) Run(ctx context.Context) error {
	var marks []int64 // revisions that were the latest at each look, the oldest first
	for {
		if len(marks) == 0 {
			if err := c.Cache.WaitFor(ctx, c.Compacted.Load()+1); err != nil {
				return nil // ctx has ended
			}
		}
		marks = append(marks, c.Cache.Revision())
		look := c.Clock.NewTimer(Every)
		select {
		case <-look.C():
		case <-ctx.Done():
			look.Stop()
			return nil
		}
		if len(marks) < int(Age/Every) {
			continue // the oldest is too young
		}
		c.compact(ctx, marks[0])
		if marks = marks[1:]; marks[len(marks)-1] == c.Cache.Revision() && marks[0] == c.Compacted.Load() {
			marks = nil // nothing was written meanwhile
		}
	}
}

// compact drops what was overwritten before a revision. The cache may remember more, but no list is continued there: what
// one server answers, all do.
func (c Compaction) compact(ctx context.Context, revision int64) {
	if err := c.Store.Compact(ctx, revision); err != nil && !errors.Is(err, storage.ErrCompacted) {
		if ctx.Err() == nil {
			logr.FromContextOrDiscard(ctx).Error(err, "compacting the store failed", "revision", revision)
		}
		return
	}
	c.Compacted.Store(revision)
}
