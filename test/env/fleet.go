package env

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Fleet is a cluster of several nodes on this machine, by way of the command line. Its Cluster has no machine.
type Fleet struct {
	*Cluster
	Name string

	dir string
}

// NewFleet prepares a cluster of a name that nobody else uses; `coxswain up` starts it.
func NewFleet(name string) (*Fleet, error) {
	root, err := projectRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "coxswain-"+name+"-")
	if err != nil {
		return nil, err
	}
	return &Fleet{Cluster: &Cluster{process: newProcess("server"), Root: root, Kubeconfig: filepath.Join(dir, "clusters", name, "admin.kubeconfig")}, Name: name, dir: dir}, nil
}

// Down ends the cluster.
func (f *Fleet) Down(ctx context.Context) (string, error) {
	return f.Coxswain(ctx, "down", "--name", f.Name)
}

// Coxswain runs a command about clusters on this machine.
func (f *Fleet) Coxswain(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	command := f.Command(ctx, args...)
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("coxswain %s: %w: %s", strings.Join(args, " "), err, out.String())
	}
	return out.String(), nil
}

// Command is such a command that is not started yet.
func (f *Fleet) Command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, f.Program(), args...)
	command.Env = append(os.Environ(), "COXSWAIN_DATA_DIR="+f.dir)
	return command
}

// Node is the name of the n-th node.
func (f *Fleet) Node(n int) string { return fmt.Sprintf("%s-%d", f.Name, n) }

// Images are those of the samples, which `coxswain up` can import.
func (f *Fleet) Images() string { return filepath.Join(f.Root, "build", "images") }

// Logs is what the programs on all nodes have written.
func (f *Fleet) Logs() string {
	files, _ := filepath.Glob(filepath.Join(f.DataDir(), "*", "*.log"))
	var all strings.Builder
	for _, file := range files {
		text, _ := os.ReadFile(file)
		fmt.Fprintf(&all, "== %s\n%s", strings.TrimPrefix(file, f.DataDir()), text)
	}
	return all.String()
}

// Close ends everything and removes it.
func (f *Fleet) Close() error {
	_, err := f.Down(context.Background())
	return errors.Join(err, os.RemoveAll(f.dir))
}

// Traces are what this machine has of the cluster: links, mounts, control groups, processes and folders with its name.
func (f *Fleet) Traces() []string {
	var found []string
	for _, pattern := range []string{
		"/sys/fs/cgroup/*" + f.Name, "/sys/fs/cgroup/*/*" + f.Name, "/sys/class/net/*" + f.Name, "/run/coxswain/machines/*" + f.Name + "*",
		"/run/netns/*" + f.Name + "*", f.dir + "/*",
	} {
		names, _ := filepath.Glob(pattern)
		found = append(found, names...)
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, f.Name) {
			found = append(found, "mount "+strings.TrimSpace(line))
		}
	}
	rules, _ := exec.Command("nft", "list", "ruleset").Output()
	for line := range strings.Lines(string(rules)) {
		if strings.Contains(line, f.Name) {
			found = append(found, "rule "+strings.TrimSpace(line))
		}
	}
	return append(found, f.processes()...)
}

// processes that run somewhere in the cluster, or with its folder as an argument.
func (f *Fleet) processes() []string {
	var found []string
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if len(line) == 0 {
			continue // it has ended, and its parent has not looked yet
		}
		if strings.Contains(string(groups), f.Name) || strings.Contains(string(line), f.dir) {
			found = append(found, "process "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
