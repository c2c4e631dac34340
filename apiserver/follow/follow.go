package follow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Again is how long after a failure to watch the next try is made. Nothing is asked by the clock while the watch works.
const Again = 10 * time.Second

// Changes tells of a file that it may have changed: at once, then whenever something happens in its folder or in the one that it
// is linked to, as in the volume of a ConfigMap, and at each try to watch again where that is not possible: the folder is gone
// or just being replaced, or the kernel has no watches left. Several changes may be told as one. The channel is closed
// after ctx has ended.
func Changes(ctx context.Context, path string, c clock.Clock) <-chan struct{} {
	w := &watch{path: path, clock: c, changes: make(chan struct{}, 1)}
	go w.run(ctx)
	return w.changes
}

// watch of one file. broken is why there is none at the moment.
type watch struct {
	path    string
	clock   clock.Clock
	changes chan struct{}
	watcher *fsnotify.Watcher // nil until the kernel gives one
	broken  error
}

func (w *watch) run(ctx context.Context) {
	defer close(w.changes)
	defer func() {
		if w.watcher != nil {
			_ = w.watcher.Close() // nobody listens any more
		}
	}()
	for {
		w.note(ctx, w.look())
		select {
		case w.changes <- struct{}{}:
		default: // the one that waits there says it all
		}
		if !w.wait(ctx) {
			return
		}
	}
}

// wait returns when the file may have changed, or false when ctx has ended.
func (w *watch) wait(ctx context.Context) bool {
	var events chan fsnotify.Event
	var missed chan error
	if w.watcher != nil {
		events, missed = w.watcher.Events, w.watcher.Errors
	}
	var again <-chan time.Time
	if w.broken != nil {
		timer := w.clock.NewTimer(Again)
		defer timer.Stop()
		again = timer.C()
	}
	select {
	case <-ctx.Done():
		return false
	case <-events:
	case <-again:
	case err := <-missed:
		log.FromContext(ctx).Info("Watching a file missed events", "file", w.path, "reason", err.Error())
	}
	return true
}

// look at the folder of the file, and at the one that it is linked to. It is repeated after every event: either may be another by then.
func (w *watch) look() error {
	if w.watcher == nil {
		made, err := fsnotify.NewWatcher()
		if err != nil {
			return fmt.Errorf("making a watch: %w", err)
		}
		w.watcher = made
	}
	if err := w.watcher.Add(filepath.Dir(w.path)); err != nil {
		return fmt.Errorf("watching %s: %w", filepath.Dir(w.path), err)
	}
	linked, err := filepath.EvalSymlinks(w.path)
	if err != nil {
		if _, gone := os.Lstat(w.path); errors.Is(gone, fs.ErrNotExist) {
			return nil // its folder will tell when it comes
		}
		return fmt.Errorf("following the link %s: %w", w.path, err)
	}
	if err := w.watcher.Add(filepath.Dir(linked)); err != nil {
		return fmt.Errorf("watching %s: %w", filepath.Dir(linked), err)
	}
	return nil
}

// note says when the watch breaks and when it works again.
func (w *watch) note(ctx context.Context, err error) {
	switch {
	case err != nil && w.broken == nil:
		log.FromContext(ctx).Info("A file cannot be watched and is read by the clock until it can", "file", w.path, "every", Again.String(), "reason", err.Error())
	case err == nil && w.broken != nil:
		log.FromContext(ctx).Info("A file is watched again", "file", w.path)
	}
	w.broken = err
}
