package persistentvolume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/storage/intree"
)

const (
	// inTree is before the names of what Kubernetes provisions itself; everybody else deletes what he has provisioned.
	inTree = "kubernetes.io/"
	// hostPathPlugin and nfsPlugin are all of them that there are for volumes that are reclaimed.
	hostPathPlugin, nfsPlugin = inTree + "host-path", inTree + "nfs"
	// deletable is the folder below which volumes of hostPath are deleted.
	deletable = "/tmp"
)

var errNotDeletable = errors.New("no deletable volume plugin matched")

// delete removes a volume and what is in it, on this machine. It says how long one that could not be deleted is left alone.
func (c *Volumes) delete(ctx context.Context, v *corev1.PersistentVolume) (time.Duration, error) {
	if v.DeletionTimestamp != nil || deletedByOthers(v) {
		return 0, nil
	}
	if wait := c.retries.wait(v.UID, c.clock.Now()); wait > 0 {
		return wait, nil
	}
	path, why := hostPathOf(v)
	if why != nil {
		return 0, c.fail(ctx, v, "VolumeFailedDelete", why.Error())
	}
	if current, err := c.current(ctx, v); err != nil || !current {
		return 0, err // what has changed it wakes us
	}
	if err := removeBelow(deletable, path); err != nil {
		now := c.clock.Now()
		c.retries.failed(v.UID, now, c.recycling.Retry)
		return c.retries.wait(v.UID, now), c.fail(ctx, v, "VolumeFailedDelete", err.Error())
	}
	if err := c.client.Delete(ctx, v, client.Preconditions{UID: &v.UID}); client.IgnoreNotFound(err) != nil {
		return 0, fmt.Errorf("deleting volume %s: %w", v.Name, err)
	}
	return 0, nil
}

// current says whether a volume is in the API as it is here. Somebody may have just kept it, and what is removed does not come back.
func (c *Volumes) current(ctx context.Context, v *corev1.PersistentVolume) (bool, error) {
	now := &corev1.PersistentVolume{}
	if err := c.live.Get(ctx, client.ObjectKeyFromObject(v), now); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return now.UID == v.UID && now.ResourceVersion == v.ResourceVersion, nil
}

// deletedByOthers says whether a volume is deleted by who provisioned it, or by its storage driver.
func deletedByOthers(v *corev1.PersistentVolume) bool {
	plugin, was := v.Annotations[volume.AnnDynamicallyProvisioned]
	if !was {
		return v.Spec.CSI != nil || v.Annotations[volume.AnnMigratedTo] != ""
	}
	return !strings.HasPrefix(plugin, inTree) || intree.Driver(plugin) != ""
}

// hostPathOf is the folder of a volume of this machine, or why nobody deletes the volume.
func hostPathOf(v *corev1.PersistentVolume) (string, error) {
	plugin, was := v.Annotations[volume.AnnDynamicallyProvisioned]
	switch {
	case was && plugin == nfsPlugin:
		return "", errNotDeletable
	case was && plugin != hostPathPlugin:
		return "", fmt.Errorf("no volume plugin matched name: %s", plugin)
	case v.Spec.HostPath != nil:
		return v.Spec.HostPath.Path, nil
	case was:
		return "", fmt.Errorf("failed to create deleter for volume %q: spec.PersistentVolumeSource.HostPath is nil", v.Name)
	case v.Spec.NFS != nil:
		return "", fmt.Errorf("error getting deleter volume plugin for volume %q: %w", v.Name, errNotDeletable)
	}
	return "", fmt.Errorf("error getting deleter volume plugin for volume %q: no volume plugin matched", v.Name)
}

// removeBelow removes what is at a path, unless that is not below root: also a link does not lead out of there. What is not there is no error.
func removeBelow(root, path string) error {
	name, err := filepath.Rel(root, filepath.Clean(path))
	if err != nil || name == "." || !filepath.IsLocal(name) {
		return fmt.Errorf("host_path deleter only supports %s/.+ but received provided %s", root, path)
	}
	below, err := os.OpenRoot(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening %s: %w", root, err)
	}
	defer below.Close()
	err = below.RemoveAll(name)
	var at *fs.PathError
	if errors.As(err, &at) { // told as os.RemoveAll does
		return &fs.PathError{Op: "unlinkat", Path: filepath.Join(root, at.Path), Err: at.Err}
	}
	return err
}
