package encrypted

import (
	"context"
	"io/fs"
	"os"
	"time"

	"github.com/go-logr/logr"

	"github.com/coxswain-k8s/coxswain/apiserver/follow"
)

const (
	// settled is how long the file must rest before it is read: editors write more than once.
	settled = 100 * time.Millisecond
	// retryReload is how long after a failure the file is read again, for its plugins may be there then.
	retryReload = 10 * time.Second
	// restless is how long a file that does not rest is waited for.
	restless = time.Second
)

// follow reads the file again whenever something happens to it, or to the folder that it is in. Nothing of that ends the server: the keys
// that count go on counting. What happens to other files there does not hold up the reading of this one.
func (k *Keeper) follow(ctx context.Context) error {
	changes := follow.Changes(ctx, k.Path, k.Clock)
	timer := k.Clock.NewTimer(0) // it may have changed since it was opened
	defer timer.Stop()
	var seen fs.FileInfo // of what the file links to
	var since time.Time  // of the first change that was not read yet
	for {
		select {
		case _, more := <-changes:
			if !more {
				return nil
			}
			before := seen
			if seen, _ = os.Stat(k.Path); same(before, seen) {
				continue
			}
			now := k.Clock.Now()
			if since.IsZero() {
				since = now
			}
			if now.Add(settled).Sub(since) <= restless {
				timer.Reset(settled)
			}
		case <-timer.C():
			since = time.Time{}
			if err := k.tryReload(ctx); err != nil {
				timer.Reset(retryReload)
			}
		}
	}
}

// same says whether nothing has happened to a file in between; nil stands for one that is not there.
func same(before, now fs.FileInfo) bool {
	if before == nil || now == nil {
		return before == now
	}
	return os.SameFile(before, now) && before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}

func (k *Keeper) tryReload(ctx context.Context) error {
	before := k.current.Load()
	err := k.reload(ctx)
	if err != nil {
		logr.FromContextOrDiscard(ctx).Error(err, "Encryption configuration not taken over", "file", k.Path)
	}
	if err != nil || k.current.Load() != before {
		k.metrics.reloaded(err)
	}
	return err
}
