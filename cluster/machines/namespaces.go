package machines

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pins is the folder with one folder for each Switch, which holds the namespaces of it and of its machines.
const Pins = "/run/coxswain/machines"

// kinds of namespaces that a machine has, by their names in /proc.
var kinds = map[string]int{"net": unix.CLONE_NEWNET, "mnt": unix.CLONE_NEWNS, "uts": unix.CLONE_NEWUTS}

// onThread runs f on a thread that nothing else uses and that ends afterwards, whatever namespaces it has entered.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // /proc/self is the first thread, which cannot end alone
			done <- onThread(f)
			runtime.UnlockOSThread()
			return
		}
		done <- f()
	}()
	return <-done
}

// pinned makes namespaces of the kinds in flags, runs setup inside of them and keeps them under the name in dir.
func pinned(dir, name string, flags int, setup func() error) error {
	return onThread(func() error {
		if err := unix.Unshare(flags&^unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
			return fmt.Errorf("making namespaces: %w", err)
		}
		for kind, flag := range kinds {
			if flags&flag&^unix.CLONE_NEWNS != 0 {
				if err := pinOwn(kind, pinFile(dir, name, kind)); err != nil {
					return err
				}
			}
		}
		if flags&unix.CLONE_NEWNS != 0 {
			if err := pinMounts(pinFile(dir, name, "mnt"), cores()); err != nil {
				return err
			}
		}
		return setup()
	})
}

// batch is how many numbers of namespaces the kernel gives to a core at a time.
const batch = 4096

// pinMounts makes a mount namespace for this thread and pins it. It may run on the cores.
//
// The kernel keeps in a mount namespace only pins of younger ones, so that none holds itself, and says EINVAL to others. It tells by their
// numbers, and since 6.18 each core has numbers of its own: what is made here may count as older than the namespace that this process is in,
// such as a container's. On the core that made that it is younger; where we may not go there, after a batch at the latest.
func pinMounts(file string, cores []int) error {
	var before unix.CPUSet
	movable := unix.SchedGetaffinity(0, &before) == nil
	err := error(unix.EINVAL)
	for try := 0; try <= len(cores)+batch && errors.Is(err, unix.EINVAL); try++ {
		if movable && 0 < try && try <= len(cores) {
			moveTo(cores[try-1])
		}
		if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
			return fmt.Errorf("making a mount namespace: %w", err)
		}
		err = pinOwn("mnt", file)
	}
	if movable {
		_ = unix.SchedSetaffinity(0, &before) // what fails leaves it on one core
	}
	return err
}

// cores are those that this thread may run on; none if there are more than can be told.
func cores() []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil
	}
	var all []int
	for core := range 8 * int(unsafe.Sizeof(set)) {
		if set.IsSet(core) {
			all = append(all, core)
		}
	}
	return all
}

// moveTo has this thread run on a core, if it may.
func moveTo(core int) {
	var set unix.CPUSet
	set.Set(core)
	_ = unix.SchedSetaffinity(0, &set)
}

// pinOwn pins the namespace of this thread where other threads are.
func pinOwn(kind, file string) error {
	namespace, done := fmt.Sprintf("/proc/self/task/%d/ns/%s", unix.Gettid(), kind), make(chan error, 1)
	go func() { done <- pin(namespace, file) }()
	return <-done
}

func pinFile(dir, name, kind string) string { return filepath.Join(dir, name+"."+kind) }

func pin(namespace, file string) error {
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return fmt.Errorf("pinning a namespace: %w", err)
	}
	if err := unix.Mount(namespace, file, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("pinning a namespace at %s: %w", file, err)
	}
	return nil
}

// unpin lets namespaces go. Those that are not pinned are no mistake.
func unpin(dir, name string) error {
	var all error
	for kind := range kinds {
		file := pinFile(dir, name, kind)
		if isPin(file) {
			all = errors.Join(all, unix.Unmount(file, unix.MNT_DETACH))
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}

// isPin says whether a file holds a namespace; after a reboot only the file may be left.
func isPin(file string) bool {
	var stat unix.Statfs_t
	return unix.Statfs(file, &stat) == nil && stat.Type == unix.NSFS_MAGIC
}

// inside runs f on a thread in pinned namespaces.
func inside(dir, name string, flags int, f func() error) error {
	return onThread(func() error {
		if flags&unix.CLONE_NEWNS != 0 {
			if err := unix.Unshare(unix.CLONE_FS); err != nil {
				return fmt.Errorf("leaving the other threads: %w", err)
			}
		}
		var files []*os.File
		for kind := range kinds {
			if flags&kinds[kind] == 0 {
				continue
			}
			file, err := os.Open(pinFile(dir, name, kind))
			if err != nil {
				return fmt.Errorf("entering %s: %w", name, err)
			}
			defer file.Close()
			files = append(files, file)
		}
		for _, file := range files {
			if err := unix.Setns(int(file.Fd()), 0); err != nil {
				return fmt.Errorf("entering %s: %w", file.Name(), err)
			}
		}
		return f()
	})
}

// private makes dir a file system of its own whose mounts no other mount namespace gets to see: the kernel keeps a
// mount namespace only by such a mount.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if mounted(dir) {
		return nil
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size=1m"); err != nil {
		return fmt.Errorf("mounting %s: %w", dir, err)
	}
	return unix.Mount("", dir, "", unix.MS_PRIVATE, "")
}

// mounted says whether a file system begins at dir.
func mounted(dir string) bool {
	var here, above unix.Stat_t
	return unix.Stat(dir, &here) == nil && unix.Stat(filepath.Dir(dir), &above) == nil && here.Dev != above.Dev
}

// mountsBelow lists what is mounted below dir, seen by this thread, the latest first.
func mountsBelow(dir string) ([]string, error) {
	data, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return nil, err
	}
	var below []string
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			below = append([]string{unescape.Replace(fields[4])}, below...)
		}
	}
	return below, nil
}

// unescape reads what the kernel writes for characters that would break a line of mountinfo.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
