package configuration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

// File is a configuration that is taken into use anew whenever its content changes.
type File struct {
	Path string
	// Content that is in use.
	Content []byte
	// Apply takes content into use, or says why it cannot be; then what was before remains.
	Apply   func(ctx context.Context, data []byte) error
	Clock   clock.PassiveClock
	Metrics authmetrics.Configuration
}

// Follow reads the file when something in its folder changes, until ctx ends. A link is followed, so that the volume of a ConfigMap
// can hold the file.
func (f *File) Follow(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching %s: %w", f.Path, err)
	}
	defer watcher.Close()
	for {
		if err := f.watch(watcher); err != nil {
			return err
		}
		f.read(ctx) // also what changed before the watch began
		select {
		case <-ctx.Done():
			return nil
		case err := <-watcher.Errors:
			log.FromContext(ctx).Info("Watching a configuration missed events", "file", f.Path, "reason", err)
		case <-watcher.Events:
		}
	}
}

// watch looks at the folder of the file, and at the one that it is linked to.
func (f *File) watch(watcher *fsnotify.Watcher) error {
	if err := watcher.Add(filepath.Dir(f.Path)); err != nil {
		return fmt.Errorf("watching %s: %w", filepath.Dir(f.Path), err)
	}
	if linked, err := filepath.EvalSymlinks(f.Path); err == nil {
		return watcher.Add(filepath.Dir(linked))
	}
	return nil
}

func (f *File) read(ctx context.Context) {
	data, err := os.ReadFile(f.Path)
	if errors.Is(err, os.ErrNotExist) || len(data) == 0 && err == nil {
		return // it is being replaced
	}
	if err == nil && bytes.Equal(data, f.Content) {
		return
	}
	if err == nil {
		f.Content = data
		err = f.Apply(ctx, data)
	}
	f.Metrics.Reloaded(f.Clock.Now(), data, err)
	if err != nil {
		log.FromContext(ctx).Error(err, "A changed configuration was not taken into use", "file", f.Path)
		return
	}
	log.FromContext(ctx).Info("A changed configuration was taken into use", "file", f.Path)
}
