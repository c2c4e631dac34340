package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// defaultMount is where cgroup file systems are mounted.
const defaultMount = "/sys/fs/cgroup"

// controllers that pods' groups are made in, as far as the kernel has them. v1 mounts each at a folder of its name;
// on a hybrid machine the runtime makes groups in the unified hierarchy too, which has no controllers there.
var controllers = []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "systemd", "unified"}

// Tree is the control groups of one node. Its exported fields are inputs.
type Tree struct {
	// Mount is defaultMount unless a test says otherwise.
	Mount string
	// Root is the group that the node's pods are below, "/" by default.
	Root string

	v2     bool
	mounts []string // v1: the folders of the controllers; v2: the one folder
}

// Limits are what a group is held to. Zero means no limit; Shares is always set.
type Limits struct {
	Shares, Quota, Period int64
	Memory, Pids          int64
}

// Open finds out which hierarchies the machine has.
func (t *Tree) Open() error {
	if t.Mount == "" {
		t.Mount = defaultMount
	}
	if t.Root == "" {
		t.Root = "/"
	}
	if _, err := os.Stat(filepath.Join(t.Mount, "cgroup.controllers")); err == nil {
		t.v2, t.mounts = true, []string{t.Mount}
		return nil
	}
	for _, name := range controllers {
		dir := filepath.Join(t.Mount, name)
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			t.mounts = append(t.mounts, dir)
		}
	}
	if !slices.Contains(t.mounts, filepath.Join(t.Mount, "cpu")) || !slices.Contains(t.mounts, filepath.Join(t.Mount, "memory")) {
		return fmt.Errorf("finding control groups: %s has neither cgroup v2 nor the v1 controllers cpu and memory", t.Mount)
	}
	return nil
}

// V2 says that the machine has the unified hierarchy.
func (t *Tree) V2() bool { return t.v2 }

// podParent is the group that a pod's group is made in.
func (t *Tree) podParent(qos corev1.PodQOSClass) string {
	base := path.Join(t.Root, "kubepods")
	switch qos {
	case corev1.PodQOSBurstable:
		return path.Join(base, "burstable")
	case corev1.PodQOSBestEffort:
		return path.Join(base, "besteffort")
	}
	return base
}

// PodPath is a pod's group, as the runtime is told.
func (t *Tree) PodPath(qos corev1.PodQOSClass, uid types.UID) string {
	return path.Join(t.podParent(qos), "pod"+string(uid))
}

// EnsureTop makes the groups above the pods. Total limits all pods together.
func (t *Tree) EnsureTop(total Limits) error {
	base := path.Join(t.Root, "kubepods")
	if err := t.Ensure(base, total); err != nil {
		return err
	}
	return errors.Join(
		t.Ensure(path.Join(base, "burstable"), Limits{Shares: 2}),
		t.Ensure(path.Join(base, "besteffort"), Limits{Shares: 2}),
	)
}

// Ensure makes a group, and its parents, and holds it to the limits.
func (t *Tree) Ensure(group string, limits Limits) error {
	for _, mount := range t.mounts {
		if err := t.make(mount, group); err != nil {
			return fmt.Errorf("making control group %s: %w", group, err)
		}
	}
	return t.Apply(group, limits)
}

// Apply writes the limits of an existing group.
func (t *Tree) Apply(group string, limits Limits) error {
	if t.v2 {
		return t.applyV2(group, limits)
	}
	return t.applyV1(group, limits)
}

// make creates the group in one hierarchy, step by step: a new cpuset is empty until it is copied from its
// parent, and in v2 a parent must pass its controllers on.
func (t *Tree) make(mount, group string) error {
	dir := mount
	for _, step := range strings.Split(strings.Trim(group, "/"), "/") {
		if step == "" {
			continue
		}
		parent := dir
		dir = filepath.Join(dir, step)
		if t.v2 {
			if err := passOn(parent); err != nil {
				return err
			}
		}
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if filepath.Base(mount) == "cpuset" {
			if err := inheritCpuset(parent, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func inheritCpuset(parent, dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(own)) != "" {
			continue
		}
		value, err := os.ReadFile(filepath.Join(parent, file))
		if err != nil {
			return err
		}
		if err := write(dir, file, strings.TrimSpace(string(value))); err != nil {
			return err
		}
	}
	return nil
}

// passOn enables in a v2 group all controllers it has for its children.
func passOn(dir string) error {
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	enabled, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	on := strings.Fields(string(enabled))
	for _, c := range strings.Fields(string(available)) {
		if slices.Contains(on, c) {
			continue
		}
		// A controller that cannot be delegated here (cpu with real-time processes, say) is left out.
		_ = write(dir, "cgroup.subtree_control", "+"+c)
	}
	return nil
}

func (t *Tree) applyV1(group string, l Limits) error {
	cpu, memory := filepath.Join(t.Mount, "cpu", group), filepath.Join(t.Mount, "memory", group)
	err := write(cpu, "cpu.shares", strconv.FormatInt(max(l.Shares, 2), 10))
	if l.Quota > 0 {
		err = errors.Join(err, write(cpu, "cpu.cfs_period_us", strconv.FormatInt(l.Period, 10)), write(cpu, "cpu.cfs_quota_us", strconv.FormatInt(l.Quota, 10)))
	}
	if l.Memory > 0 {
		err = errors.Join(err, write(memory, "memory.limit_in_bytes", strconv.FormatInt(l.Memory, 10)))
	}
	if pids := filepath.Join(t.Mount, "pids"); l.Pids > 0 && slices.Contains(t.mounts, pids) {
		err = errors.Join(err, write(filepath.Join(pids, group), "pids.max", strconv.FormatInt(l.Pids, 10)))
	}
	return err
}

func (t *Tree) applyV2(group string, l Limits) error {
	dir := filepath.Join(t.Mount, group)
	err := write(dir, "cpu.weight", strconv.FormatInt(weight(l.Shares), 10))
	if l.Quota > 0 {
		err = errors.Join(err, write(dir, "cpu.max", fmt.Sprintf("%d %d", l.Quota, l.Period)))
	}
	if l.Memory > 0 {
		err = errors.Join(err, write(dir, "memory.max", strconv.FormatInt(l.Memory, 10)))
	}
	if l.Pids > 0 {
		err = errors.Join(err, write(dir, "pids.max", strconv.FormatInt(l.Pids, 10)))
	}
	return err
}

// weight converts v1's shares (2 to 262144) to v2's weight (1 to 10000).
func weight(shares int64) int64 {
	return 1 + (max(shares, 2)-2)*9999/262142
}

// Pods lists the UIDs that have a group, of any class.
func (t *Tree) Pods() map[types.UID][]string {
	out := map[types.UID][]string{}
	for _, qos := range []corev1.PodQOSClass{corev1.PodQOSGuaranteed, corev1.PodQOSBurstable, corev1.PodQOSBestEffort} {
		parent := t.podParent(qos)
		for _, mount := range t.mounts {
			entries, err := os.ReadDir(filepath.Join(mount, parent))
			if err != nil {
				continue
			}
			for _, e := range entries {
				if uid, ok := strings.CutPrefix(e.Name(), "pod"); ok && e.IsDir() {
					group := path.Join(parent, e.Name())
					if !slices.Contains(out[types.UID(uid)], group) {
						out[types.UID(uid)] = append(out[types.UID(uid)], group)
					}
				}
			}
		}
	}
	return out
}

func write(dir, file, value string) error {
	if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

// PodPaths are the groups that a pod may have, whatever its class.
func (t *Tree) PodPaths(uid types.UID) []string {
	return []string{
		t.PodPath(corev1.PodQOSGuaranteed, uid), t.PodPath(corev1.PodQOSBurstable, uid), t.PodPath(corev1.PodQOSBestEffort, uid),
	}
}
