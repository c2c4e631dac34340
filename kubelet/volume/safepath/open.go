package safepath

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrEscapes is wrapped when a path leads out of the folder that it must stay in.
var ErrEscapes = errors.New("path leads outside of its volume")

// Open opens sub beneath base without reading or writing it (O_PATH). Links that stay beneath base are followed;
// absolute links and links that climb out are refused with ErrEscapes.
func Open(base *os.File, sub string) (*os.File, error) {
	return openat2(base, sub, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	})
}

func openat2(base *os.File, sub string, how *unix.OpenHow) (*os.File, error) {
	name := filepath.Join(base.Name(), sub)
	for {
		fd, err := unix.Openat2(int(base.Fd()), sub, how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN): // EAGAIN: the tree was renamed under the walk
			continue
		case errors.Is(err, unix.EXDEV), errors.Is(err, unix.ELOOP):
			return nil, fmt.Errorf("opening %s: %w", name, ErrEscapes)
		default:
			return nil, &os.PathError{Op: "openat2", Path: name, Err: err}
		}
	}
}

// OpenBase opens a folder (or file) that is trusted up to and including its last element.
func OpenBase(name string) (*os.File, error) {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// MkdirAll opens sub beneath base, making the folders that are missing with the permission bits perm.
func MkdirAll(base *os.File, sub string, perm uint32) (*os.File, error) {
	current, err := Open(base, ".")
	if err != nil {
		return nil, err
	}
	done := "."
	for _, part := range strings.Split(path.Clean(sub), "/") {
		if part == ".." {
			current.Close()
			return nil, fmt.Errorf("creating %s: %w", sub, ErrEscapes)
		}
		// Each prefix is resolved again from base, so that links in the middle are judged against base and not
		// against the folder they stand in; only the mkdir itself is relative to the folder just opened.
		done = path.Join(done, part)
		next, err := Open(base, done)
		if errors.Is(err, os.ErrNotExist) {
			next, err = mkdir(current, part, perm)
		}
		current.Close()
		if err != nil {
			return nil, err
		}
		current = next
	}
	return current, nil
}

func mkdir(parent *os.File, name string, perm uint32) (*os.File, error) {
	if err := unix.Mkdirat(int(parent.Fd()), name, perm&0o777); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, &os.PathError{Op: "mkdirat", Path: filepath.Join(parent.Name(), name), Err: err}
	}
	made, err := openat2(parent, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, err
	}
	// The process's umask may have taken bits away; the set-group-ID bit that the parent passed on stays.
	var stat unix.Stat_t
	if err := unix.Fstat(int(made.Fd()), &stat); err == nil {
		err = unix.Fchmod(int(made.Fd()), perm&0o777|stat.Mode&unix.S_ISGID)
		if err != nil {
			made.Close()
			return nil, &os.PathError{Op: "fchmod", Path: made.Name(), Err: err}
		}
	}
	return made, nil
}
