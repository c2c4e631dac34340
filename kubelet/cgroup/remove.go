package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// killPatience bounds the wait for processes that were killed: one may hang in the kernel.
const killPatience = 2 * time.Second

// Remove kills what runs in a group and removes it with the groups below it, in all hierarchies. The runtime must know
// no container there any more: what is left is what it started and lost, a container whose creation was interrupted, say.
// It is idempotent.
func (t *Tree) Remove(group string) error {
	var errs error
	for _, mount := range t.mounts {
		errs = errors.Join(errs, removeTree(filepath.Join(mount, group)))
	}
	if errs != nil {
		return fmt.Errorf("removing control group %s: %w", group, errs)
	}
	return nil
}

// Kill kills what runs in a group, and leaves the group. It is idempotent.
func (t *Tree) Kill(group string) error {
	var errs error
	for _, mount := range t.mounts {
		errs = errors.Join(errs, killAll(filepath.Join(mount, group), time.Now().Add(killPatience)))
	}
	if errs != nil {
		return fmt.Errorf("killing what runs in control group %s: %w", group, errs)
	}
	return nil
}

// removeTree removes folders from the leaves up: the files in a cgroup cannot be removed, and go with their folder.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	err = os.Remove(dir)
	if errors.Is(err, unix.EBUSY) {
		if err = killAll(dir, time.Now().Add(killPatience)); err == nil {
			err = os.Remove(dir)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// killAll kills the processes of one group until there are none; they may start others meanwhile.
func killAll(dir string, deadline time.Time) error {
	for {
		pids, err := processes(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := killOne(dir, pid, deadline); err != nil {
				return fmt.Errorf("ending process %d: %w", pid, err)
			}
		}
	}
}

// killOne kills a process and waits until it is gone. The descriptor pins the process, whatever becomes of its number.
func killOne(dir string, pid int, deadline time.Time) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if pids, err := processes(dir); err != nil || !slices.Contains(pids, pid) {
		return err
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	for {
		left := time.Until(deadline)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(left, 0).Milliseconds())) //nolint:gosec // a descriptor fits
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n > 0:
			return nil
		default:
			return errors.New("it was killed and has not ended")
		}
	}
}

func processes(dir string) ([]int, error) {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, line := range strings.Fields(string(data)) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			return nil, err
		}
		if pid == 0 { // of another PID namespace
			return nil, errors.New("it has processes of another PID namespace")
		}
		pids = append(pids, pid)
	}
	return pids, nil
}
