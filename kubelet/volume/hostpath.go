package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	corev1 "k8s.io/api/core/v1"
)

// hostPath checks, and for the OrCreate types makes, the path; it is never mounted, owned or removed by us.
func hostPath(source *corev1.HostPathVolumeSource) (Mount, error) {
	mount := Mount{HostPath: source.Path}
	if source.Type == nil || *source.Type == corev1.HostPathUnset {
		return mount, nil
	}
	return mount, checkHostPath(source.Path, *source.Type)
}

func checkHostPath(path string, kind corev1.HostPathType) error {
	if kind == corev1.HostPathDirectoryOrCreate || kind == corev1.HostPathFileOrCreate {
		if err := createHostPath(path, kind); err != nil {
			return err
		}
	}
	var mode fs.FileMode
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode()
	} else {
		mode = fs.ModeIrregular // neither of the kinds below
	}
	ok, what := false, ""
	switch kind {
	case corev1.HostPathDirectoryOrCreate, corev1.HostPathDirectory:
		ok, what = mode.IsDir(), "directory"
	case corev1.HostPathFileOrCreate, corev1.HostPathFile:
		ok, what = mode.IsRegular(), "file"
	case corev1.HostPathSocket:
		ok, what = mode&fs.ModeSocket != 0, "socket file"
	case corev1.HostPathCharDev:
		ok, what = mode&fs.ModeCharDevice != 0, "character device"
	case corev1.HostPathBlockDev:
		ok, what = mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0, "block device"
	default:
		return fmt.Errorf("%s is an invalid volume type", kind)
	}
	if !ok {
		return fmt.Errorf("hostPath type check failed: %s is not a %s", path, what)
	}
	return nil
}

func createHostPath(path string, kind corev1.HostPathType) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if kind == corev1.HostPathDirectoryOrCreate {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		return os.Chmod(path, 0o755)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(file.Chmod(0o644), file.Close())
}
