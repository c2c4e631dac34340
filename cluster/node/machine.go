package node

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// CheckMachine says in one sentence each what a server with these options lacks here; nil means that it can run.
func CheckMachine(o options.Options) error {
	if !o.Enabled(options.Agent) {
		return nil
	}
	if err := Check(); err != nil {
		return fmt.Errorf("%w; or run the control plane alone with --disable agent", err)
	}
	return nil
}

// Check says what a node lacks here.
func Check() error {
	var missing []error
	if os.Geteuid() != 0 {
		missing = append(missing, errors.New("running containers needs root: start it with sudo"))
	}
	if lacking := missingControllers(); len(lacking) > 0 {
		missing = append(missing, fmt.Errorf("the cgroup controllers %s are missing: boot with them enabled, or mount /sys/fs/cgroup", strings.Join(lacking, ", ")))
	}
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err != nil || !strings.Contains(string(filesystems), "overlay") {
		missing = append(missing, errors.New("the kernel has no overlay file system: run modprobe overlay"))
	}
	return errors.Join(missing...)
}

// missingControllers of those that containers need, in cgroup v1 and v2.
func missingControllers() []string {
	needed := []string{"cpu", "memory", "pids"}
	var lacking []string
	var stat unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &stat); err == nil && stat.Type == unix.CGROUP2_SUPER_MAGIC {
		data, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
		present := strings.Fields(string(data))
		for _, name := range needed {
			if err != nil || !slices.Contains(present, name) {
				lacking = append(lacking, name)
			}
		}
		return lacking
	}
	for _, name := range needed {
		if _, err := os.Stat("/sys/fs/cgroup/" + name); err != nil {
			lacking = append(lacking, name)
		}
	}
	return lacking
}
