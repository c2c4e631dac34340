package safepath

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Bind mounts what source has open on target, which must exist and be of the same kind (file or folder).
func Bind(source *os.File, target string) error {
	from := fmt.Sprintf("/proc/self/fd/%d", source.Fd())
	if err := unix.Mount(from, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return &os.PathError{Op: "bind mounting on", Path: target, Err: err}
	}
	return nil
}

// Tmpfs mounts a memory file system on target; options are mount(2)'s data, "size=1048576".
func Tmpfs(target, options string) error {
	if err := unix.Mount("tmpfs", target, "tmpfs", 0, options); err != nil {
		return &os.PathError{Op: "mounting tmpfs on", Path: target, Err: err}
	}
	return nil
}

// HugePages mounts a hugetlbfs on target.
func HugePages(target, options string) error {
	if err := unix.Mount("nodev", target, "hugetlbfs", 0, options); err != nil {
		return &os.PathError{Op: "mounting hugetlbfs on", Path: target, Err: err}
	}
	return nil
}

// IsMountPoint says whether something is mounted exactly at name.
func IsMountPoint(name string) (bool, error) {
	mounted, err := mountinfo.Mounted(name)
	if err != nil && errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return mounted, err
}

// Unmount takes away every mount on target itself, without following a link that target may be.
func Unmount(target string) error {
	for {
		err := unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if err != nil {
			return &os.PathError{Op: "unmounting", Path: target, Err: err}
		}
	}
}

// UnmountBelow takes away every mount at or below dir, the deepest first.
func UnmountBelow(dir string) error {
	real, err := filepath.EvalSymlinks(filepath.Dir(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("resolving %s: %w", dir, err)
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(filepath.Join(real, filepath.Base(dir))))
	if err != nil {
		return fmt.Errorf("listing mounts below %s: %w", dir, err)
	}
	slices.SortFunc(mounts, func(a, b *mountinfo.Info) int {
		return strings.Count(b.Mountpoint, "/") - strings.Count(a.Mountpoint, "/")
	})
	var errs []error
	for _, mount := range mounts {
		errs = append(errs, Unmount(mount.Mountpoint))
	}
	return errors.Join(errs...)
}
