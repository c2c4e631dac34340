package kubelet

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

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// How often the sizes of logs are looked at: often while one grows, ever less while none does.
const (
	rotateOften  = 10 * time.Second
	rotateSeldom = 5 * time.Minute
)

// rotateLogs keeps the logs of running containers below their limits until ctx ends.
func (k *Kubelet) rotateLogs(ctx context.Context) error {
	sizes := map[string]int64{}
	wait := rotateOften
	for {
		timer := k.Clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C():
		}
		if k.rotateDue(ctx, sizes) {
			wait = rotateOften
		} else {
			wait = min(2*wait, rotateSeldom)
		}
	}
}

// rotateDue rotates the logs that are too large and says whether any grew by a noticeable part of the limit.
func (k *Kubelet) rotateDue(ctx context.Context, sizes map[string]int64) (grew bool) {
	seen := map[string]bool{}
	for _, w := range k.allWorkers() {
		w.mu.Lock()
		rt := w.rt
		w.mu.Unlock()
		if rt == nil {
			continue
		}
		for _, c := range rt.Containers {
			info, err := os.Stat(c.LogPath)
			if !c.Running() || err != nil {
				continue
			}
			seen[c.LogPath] = true
			grew = grew || info.Size()-sizes[c.LogPath] > k.ContainerLogMaxSize/20
			sizes[c.LogPath] = info.Size()
			if info.Size() < k.ContainerLogMaxSize {
				continue
			}
			if err := k.rotate(ctx, c.ID, c.LogPath); err != nil {
				k.log.Error(err, "rotating a container's log failed", "path", c.LogPath)
			}
		}
	}
	for path := range sizes {
		if !seen[path] {
			delete(sizes, path)
		}
	}
	return grew
}

// rotate moves a log aside, has the runtime open a new one, and keeps the newest of the old ones, compressed but for the last.
func (k *Kubelet) rotate(ctx context.Context, id, path string) error {
	old, err := filepath.Glob(path + ".*")
	if err != nil {
		return fmt.Errorf("listing rotated logs: %w", err)
	}
	slices.Sort(old) // the names end in the time
	keep := max(k.ContainerLogMaxFiles-2, 0)
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
	aside := path + "." + k.Clock.Now().Format("20060102-150405")
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("moving a log aside: %w", err)
	}
	if _, err := k.runtime.ReopenContainerLog(ctx, &runtimeapi.ReopenContainerLogRequest{ContainerId: id}); err != nil {
		return errors.Join(fmt.Errorf("reopening a log: %w", err), os.Rename(aside, path))
	}
	return nil
}

// compress replaces a file by its compressed form.
func compress(path string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("compressing a log: %w", err)
	}
	defer in.Close()
	temporary := path + ".tmp"
	out, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("compressing a log: %w", err)
	}
	zip := gzip.NewWriter(out)
	_, err = io.Copy(zip, in)
	if err = errors.Join(err, zip.Close(), out.Close()); err != nil {
		return errors.Join(fmt.Errorf("compressing a log: %w", err), os.Remove(temporary))
	}
	return errors.Join(os.Rename(temporary, path+".gz"), os.Remove(path))
}
