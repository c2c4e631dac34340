package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/downward"
	"github.com/coxswain-k8s/coxswain/kubelet/volume/safepath"
)

// SubPath prepares the path that a container mount with subPath, or with an expanded subPathExpr (already in
// mount.SubPath), binds. What the path means is decided once, here: the result is a mount of the opened file, so links
// that the pod changes later lead nowhere. Setup must have succeeded before.
// cleanup takes the mount away; call it after the container was started or has failed to start (Teardown does the rest).
func (m *Manager) SubPath(pod *corev1.Pod, containerName string, mount corev1.VolumeMount) (hostPath string, cleanup func(), err error) {
	wrap := func(err error) (string, func(), error) { return "", func() {}, err }
	if filepath.IsAbs(mount.SubPath) {
		return wrap(fmt.Errorf("subPath %q must not be an absolute path", mount.SubPath))
	}
	state := m.state(pod.UID)
	state.mu.Lock()
	defer state.mu.Unlock()
	base, ok := m.Mounted(pod.UID)[mount.Name]
	if !ok {
		return wrap(errors.New("the volume is not set up"))
	}
	source, err := openSubPath(base, mount.SubPath)
	if err != nil {
		return wrap(err)
	}
	defer source.Close()
	target := filepath.Join(m.podDir(pod.UID), "volume-subpaths", mount.Name, containerName, mountIndex(pod, containerName, mount))
	if err := bindSubPath(source, target); err != nil {
		return wrap(err)
	}
	return target, func() { _ = safepath.Unmount(target) }, nil
}

// openSubPath opens sub beneath the volume, making the folders that are missing like the volume's own.
func openSubPath(base Mount, sub string) (*os.File, error) {
	root, err := safepath.OpenBase(base.HostPath)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	sub = filepath.Clean(sub)
	source, err := safepath.Open(root, sub)
	if !errors.Is(err, os.ErrNotExist) || base.ReadOnly {
		return source, err
	}
	info, err := root.Stat()
	if err != nil {
		return nil, err
	}
	return safepath.MkdirAll(root, sub, uint32(info.Mode().Perm()))
}

func bindSubPath(source *os.File, target string) error {
	if err := safepath.Unmount(target); err != nil {
		return err
	}
	if err := safepath.RemoveAll(target); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	info, err := source.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = os.Mkdir(target, 0o750)
	} else {
		err = os.WriteFile(target, nil, 0o640)
	}
	if err != nil {
		return err
	}
	return safepath.Bind(source, target)
}

// mountIndex is the mount's place in its container's list, which names its folder.
func mountIndex(pod *corev1.Pod, containerName string, mount corev1.VolumeMount) string {
	mounts := []corev1.VolumeMount(nil)
	if container := downward.Container(pod, containerName); container != nil {
		mounts = container.VolumeMounts
	}
	for i := range pod.Spec.EphemeralContainers {
		if pod.Spec.EphemeralContainers[i].Name == containerName {
			mounts = pod.Spec.EphemeralContainers[i].VolumeMounts
		}
	}
	index := slices.IndexFunc(mounts, func(m corev1.VolumeMount) bool { return m.MountPath == mount.MountPath })
	return strconv.Itoa(max(index, 0))
}
