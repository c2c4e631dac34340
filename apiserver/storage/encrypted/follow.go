package encrypted

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"github.com/coxswain-k8s/coxswain/apiserver/follow"
)

const (
	// settled is how long the file must rest before it is read: editors write more than once.
	settled = 100 * time.Millisecond
	// retryReload is how long after a failure the file is read again, for its plugins may be there then.
	retryReload = 10 * time.Second
)

// follow reads the file again whenever something happens to it, or to the folder that it is in. Nothing of that ends the server: the keys
// that count go on counting.
func (k *Keeper) follow(ctx context.Context) error {
	changes := follow.Changes(ctx, k.Path, k.Clock)
	timer := k.Clock.NewTimer(0) // it may have changed since it was opened
	defer timer.Stop()
	for {
		select {
		case _, more := <-changes:
			if !more {
				return nil
			}
			timer.Reset(settled)
		case <-timer.C():
			if err := k.tryReload(ctx); err != nil {
				timer.Reset(retryReload)
			}
		}
	}
}

// concerns says whether a name is that of the file, of its folder or of what leads to the file: the link of a volume, or
// what the file links to.
func (k *Keeper) concerns(name string) bool {
	folder := filepath.Dir(k.Path)
	if name = filepath.Clean(name); name == folder {
		return true
	}
	switch filepath.Base(name) {
	case filepath.Base(k.Path), linked:
		return true
	}
	target, err := os.Readlink(k.Path)
	if err != nil {
		return false
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(folder, target)
	}
	// What it links to may lie deeper in the folder, below the name that changes.
	return strings.HasPrefix(filepath.Clean(target)+"/", name+"/")
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
