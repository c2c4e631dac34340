package machines

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

const cgroupRoot = "/sys/fs/cgroup"

// cgroup is a control group by its path below the root of each hierarchy.
type cgroup string

// unified says whether version 2 is all there is.
func unified() bool {
	_, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers"))
	return err == nil
}

// hierarchies are where control groups are made: one folder per hierarchy of version 1, or the one of version 2.
func hierarchies() []string {
	if unified() {
		return []string{cgroupRoot}
	}
	var roots []string
	for _, name := range []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls", "perf_event", "systemd", "unified"} {
		dir := filepath.Join(cgroupRoot, name)
		if mounted(dir) && !slices.ContainsFunc(roots, func(other string) bool { return sameFolder(other, dir) }) {
			roots = append(roots, dir)
		}
	}
	return roots
}

// sameFolder says whether two names, as cpu and cpuacct often are, lead to one hierarchy.
func sameFolder(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

func (g cgroup) dirs() []string {
	var dirs []string
	for _, root := range hierarchies() {
		dirs = append(dirs, filepath.Join(root, string(g)))
	}
	return dirs
}

// make makes the group and those above it in every hierarchy, with all processors and all controllers.
func (g cgroup) make() error {
	for _, root := range hierarchies() {
		dir := root
		for part := range strings.SplitSeq(strings.Trim(string(g), "/"), "/") {
			if err := enableControllers(dir); err != nil {
				return err
			}
			dir = filepath.Join(dir, part)
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("making a control group: %w", err)
			}
			if err := inheritCpuset(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// enableControllers lets the groups below a group of version 2 have all controllers that it has itself.
func enableControllers(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return nil // version 1
	}
	for _, name := range strings.Fields(string(data)) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+name), 0o644); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("enabling the controller %s below %s: %w", name, dir, err)
		}
	}
	return nil
}

// inheritCpuset copies what a new group of version 1 has not got, without which no process can enter it.
func inheritCpuset(dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		if have, err := os.ReadFile(filepath.Join(dir, file)); err != nil || strings.TrimSpace(string(have)) != "" || unified() {
			continue
		}
		value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
			return fmt.Errorf("setting %s: %w", file, err)
		}
	}
	return nil
}

// bornInside runs f with this thread in the groups of version 1: children that it starts are born there. Version 2 knows
// no threads. The thread is back where it was before f returns, or else whoever ends the group would end this process.
func (g cgroup) bornInside(f func() error) (err error) {
	data, err := os.ReadFile("/proc/thread-self/cgroup")
	if err != nil {
		return err
	}
	home := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if part := strings.SplitN(strings.TrimSpace(line), ":", 3); len(part) == 3 {
			for name := range strings.SplitSeq(part[1], ",") {
				home[strings.TrimPrefix(name, "name=")] = part[2]
			}
		}
	}
	for _, root := range hierarchies() {
		if _, err := os.Stat(filepath.Join(root, "tasks")); err != nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(root, string(g), "tasks"), []byte("0"), 0o644); err != nil {
			return fmt.Errorf("entering a control group: %w", err)
		}
		defer func() {
			back := filepath.Join(root, home[filepath.Base(root)], "tasks")
			err = errors.Join(err, os.WriteFile(back, []byte("0"), 0o644))
		}()
	}
	return f()
}

// open opens the folder of version 2, in which children can be born; nil where there is none.
func (g cgroup) open() (*os.File, error) {
	for _, dir := range g.dirs() {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.kill")); err == nil {
			return os.Open(dir)
		}
	}
	return nil, nil
}

// processes in the group and those below it, in any hierarchy.
func (g cgroup) processes() []int {
	found := map[int]bool{}
	for _, dir := range g.dirs() {
		_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return nil // it has just gone, or is no group
			}
			data, _ := os.ReadFile(filepath.Join(name, "cgroup.procs"))
			for _, field := range strings.Fields(string(data)) {
				if pid, err := strconv.Atoi(field); err == nil && pid != 0 && pid != os.Getpid() {
					found[pid] = true
				}
			}
			return nil
		})
	}
	pids := make([]int, 0, len(found))
	for pid := range found {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids
}

// freeze stops all processes of the group where they are, or lets them go on.
func (g cgroup) freeze(frozen bool) error {
	states := map[string][2]string{"freezer.state": {"THAWED", "FROZEN"}, "cgroup.freeze": {"0", "1"}}
	which := 0
	if frozen {
		which = 1
	}
	files := []string{"freezer.state"}
	if unified() {
		files = []string{"cgroup.freeze"}
	}
	for _, dir := range g.dirs() {
		for _, file := range files {
			name := filepath.Join(dir, file)
			if _, err := os.Stat(name); err != nil {
				continue
			}
			if err := os.WriteFile(name, []byte(states[file][which]), 0o644); err != nil {
				return fmt.Errorf("freezing or thawing %s: %w", dir, err)
			}
		}
	}
	return nil
}

// frozen says whether freeze stopped the group.
func (g cgroup) frozen() bool {
	for _, dir := range g.dirs() {
		for _, file := range []string{"freezer.self_freezing", "cgroup.freeze"} {
			if state, err := os.ReadFile(filepath.Join(dir, file)); err == nil && strings.TrimSpace(string(state)) == "1" {
				return true
			}
		}
	}
	return false
}

// killPatience is how long processes may take to end after they were killed.
const killPatience = 10 * time.Second

// kill ends every process of the group and waits for that.
func (g cgroup) kill() error {
	_ = g.freeze(false) // who is frozen does not die; where there is no group there is nobody
	deadline := time.Now().Add(killPatience)
	for pids := g.processes(); len(pids) > 0; pids = g.processes() {
		ending := make([]int, 0, len(pids))
		for _, pid := range pids {
			if fd, err := unix.PidfdOpen(pid, 0); err == nil {
				ending = append(ending, fd)
				_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
			}
		}
		err := awaitEnd(ending, deadline)
		if err == nil && time.Now().After(deadline) {
			err = os.ErrDeadlineExceeded
		}
		for _, fd := range ending {
			_ = unix.Close(fd)
		}
		if err != nil {
			return fmt.Errorf("%d processes of %s do not end: %w", len(pids), g, err)
		}
	}
	return nil
}

// awaitEnd returns when the processes of all descriptors have ended.
func awaitEnd(pidfds []int, deadline time.Time) error {
	for _, fd := range pidfds {
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, max(int(time.Until(deadline).Milliseconds()), 1)) //nolint:gosec // a descriptor fits
			if n > 0 {
				break
			}
			if err != nil && !errors.Is(err, unix.EINTR) {
				return err
			}
			if time.Now().After(deadline) {
				return os.ErrDeadlineExceeded
			}
		}
	}
	return nil
}

// remove removes the group and those below it, which must be empty.
func (g cgroup) remove() error {
	var all error
	for _, dir := range g.dirs() {
		all = errors.Join(all, removeGroup(dir))
	}
	return all
}

func removeGroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeGroup(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	// A process leaves its group a moment after it can be waited for, and the kernel does not say when.
	deadline := time.NewTimer(killPatience)
	defer deadline.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		err := unix.Rmdir(dir)
		if !errors.Is(err, unix.EBUSY) {
			if errors.Is(err, unix.ENOENT) {
				return nil
			}
			return err
		}
		select {
		case <-again.C:
		case <-deadline.C:
			return fmt.Errorf("removing the control group %s: %w", dir, err)
		}
	}
}
