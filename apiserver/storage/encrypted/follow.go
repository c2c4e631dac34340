package encrypted

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/go-logr/logr"
)

const (
	// settled is how long the file must rest before it is read: editors write more than once.
	settled = 100 * time.Millisecond
	// retryReload is how long after a failure the file is read again, for its plugins may be there then.
	retryReload = 10 * time.Second
)

// follow reads the file again whenever something happens to it. Its folder is what is watched: files that come from a
// ConfigMap or an editor are replaced, not written.
func (k *Keeper) follow(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching the encryption configuration: %w", err)
	}
	defer watcher.Close()
	if err := watcher.Add(filepath.Dir(k.Path)); err != nil {
		return fmt.Errorf("watching the encryption configuration: %w", err)
	}
	timer := k.Clock.NewTimer(0) // it may have changed since it was opened
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			timer.Reset(settled)
		case err := <-watcher.Errors:
			logr.FromContextOrDiscard(ctx).Error(err, "Watching the encryption configuration failed", "file", k.Path)
			timer.Reset(settled)
		case <-timer.C():
			if err := k.tryReload(ctx); err != nil {
				timer.Reset(retryReload)
			}
		}
	}
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
