package containerd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// namespace in which containerd keeps what belongs to Kubernetes.
const namespace = "k8s.io"

// ImportAll imports every *.tar of the folders and files given, those that were not imported yet. Whether one was is
// remembered beside the images themselves, by name, size and time of change.
func (r *Runtime) ImportAll(ctx context.Context, paths ...string) error {
	var all error
	for _, path := range paths {
		archives := []string{path}
		if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err == nil && info.IsDir() {
			if archives, err = filepath.Glob(filepath.Join(path, "*.tar")); err != nil {
				return err
			}
		}
		for _, archive := range archives {
			all = errors.Join(all, r.importOnce(ctx, archive))
		}
	}
	return all
}

func (r *Runtime) importOnce(ctx context.Context, archive string) error {
	info, err := os.Stat(archive)
	if err != nil {
		return err
	}
	absolute, err := filepath.Abs(archive)
	if err != nil {
		return err
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", filepath.Base(absolute), info.Size(), info.ModTime().UnixNano()))
	stamp := filepath.Join(r.Root, "imported", fmt.Sprintf("%x", key[:16]))
	if _, err := os.Stat(stamp); err == nil {
		return nil
	}
	if err := r.ctr(ctx, "images", "import", "--local", absolute); err != nil {
		return fmt.Errorf("importing images from %s: %w", archive, err)
	}
	log.FromContext(ctx).Info("Imported images", "archive", archive)
	if err := os.MkdirAll(filepath.Dir(stamp), 0o700); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(absolute+"\n"), 0o600)
}

// ctr runs containerd's own client and returns what it said if it failed.
func (r *Runtime) ctr(ctx context.Context, args ...string) error {
	var output bytes.Buffer
	command := r.CtrCommand(ctx, args...)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}

// CtrCommand is a command of containerd's own client, ready to run.
func (r *Runtime) CtrCommand(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"--address", r.Socket(), "--namespace", namespace}, args...)
	return exec.CommandContext(ctx, filepath.Join(r.Programs, "ctr"), all...)
}
