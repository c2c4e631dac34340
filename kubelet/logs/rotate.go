package logs

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// How often the sizes of logs are looked at: often while one grows, ever less while none does.
const (
	rotateOften  = 10 * time.Second
	rotateSeldom = 5 * time.Minute
)

// temporary ends the name of a file while a log is compressed into it.
const temporary = ".tmp"

// Log is the log of a running container.
type Log struct{ ID, Path string }

// Rotator keeps logs below their limits. Its fields are inputs.
type Rotator struct {
	Clock clock.WithTickerAndDelayedExecution
	// MaxSize is how large a log may get, in bytes, MaxFiles how many there may be of a container.
	MaxSize  int64
	MaxFiles int
	// Running are the logs that are written to.
	Running func() []Log
	// Reopen has the runtime write a container's log to a new file.
	Reopen func(ctx context.Context, id string) error

	sizes map[string]int64 // by path, when they were looked at last
}

// Run keeps the logs of running containers below their limits until ctx ends.
func (r *Rotator) Run(ctx context.Context) error {
	r.sizes = map[string]int64{}
	wait := rotateOften
	for {
		timer := r.Clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
		if r.rotateDue(ctx) {
			wait = rotateOften
		} else {
			wait = min(2*wait, rotateSeldom)
		}
	}
}

// rotateDue rotates the logs that are too large and says whether any grew by a noticeable part of the limit.
func (r *Rotator) rotateDue(ctx context.Context) (grew bool) {
	seen := map[string]bool{}
	for _, one := range r.Running() {
		info, err := os.Stat(one.Path)
		if err != nil {
			continue
		}
		seen[one.Path] = true
		grew = grew || info.Size()-r.sizes[one.Path] > r.MaxSize/20
		r.sizes[one.Path] = info.Size()
		if info.Size() < r.MaxSize {
			continue
		}
		if err := r.rotate(ctx, one); err != nil {
			log.FromContext(ctx).Error(err, "rotating a container's log failed", "path", one.Path)
			continue
		}
		r.sizes[one.Path] = 0 // of the new one
	}
	for path := range r.sizes {
		if !seen[path] {
			delete(r.sizes, path)
		}
	}
	return grew
}

// rotate moves a log aside, has the runtime open a new one, and keeps the newest of the old ones, compressed but for the last.
func (r *Rotator) rotate(ctx context.Context, one Log) error {
	old, err := rotated(one.Path)
	if err != nil {
		return err
	}
	keep := max(r.MaxFiles-2, 0)
	for len(old) > keep {
		if err := os.Remove(old[0]); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing a rotated log: %w", err)
		}
		old = old[1:]
	}
	for _, file := range old {
		if strings.HasSuffix(file, ".gz") {
			continue
		}
		if err := compress(file); err != nil {
			return err
		}
	}
	aside := one.Path + "." + r.Clock.Now().Format("20060102-150405")
	if err := os.Rename(one.Path, aside); err != nil {
		return fmt.Errorf("moving a log aside: %w", err)
	}
	if err := r.Reopen(ctx, one.ID); err != nil {
		return errors.Join(fmt.Errorf("reopening a log: %w", err), os.Rename(aside, one.Path))
	}
	return nil
}

// rotated are the logs that were moved aside before, the oldest first. What was being compressed when the kubelet ended is begun anew.
func rotated(path string) ([]string, error) {
	old, err := filepath.Glob(path + ".*")
	if err != nil {
		return nil, fmt.Errorf("listing rotated logs: %w", err)
	}
	for _, file := range old {
		if !strings.HasSuffix(file, temporary) {
			continue
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("removing what is left of a log's compression: %w", err)
		}
	}
	old = slices.DeleteFunc(old, func(file string) bool { return strings.HasSuffix(file, temporary) })
	slices.Sort(old) // the names end in the time
	return old, nil
}

// compress replaces a file by its compressed form.
func compress(path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("compressing a log: %w", err)
	}
	defer in.Close()
	part := path + temporary
	out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("compressing a log: %w", err)
	}
	zip := gzip.NewWriter(out)
	_, err = io.Copy(zip, in)
	if err = errors.Join(err, zip.Close(), out.Close()); err != nil {
		return errors.Join(fmt.Errorf("compressing a log: %w", err), os.Remove(part))
	}
	if err := os.Rename(part, path+".gz"); err != nil {
		return fmt.Errorf("compressing a log: %w", err)
	}
	return os.Remove(path)
}
