package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestWeight(t *testing.T) {
	for shares, want := range map[int64]int64{0: 1, 2: 1, 1024: 39, 262144: 10000} {
		if got := weight(shares); got != want {
			t.Errorf("weight(%d) = %d, want %d", shares, got, want)
		}
	}
}

func TestPodGroupsOnThisMachine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("control groups need root")
	}
	tree := &Tree{Root: "/coxswain-test-" + filepath.Base(filepath.Dir(t.TempDir()))}
	if err := tree.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Remove(tree.Root); err != nil {
			t.Error(err)
		}
	})
	if err := tree.EnsureTop(Limits{Shares: 2048}); err != nil {
		t.Fatal(err)
	}
	group := tree.PodPath(corev1.PodQOSBurstable, "u1")
	if err := tree.Ensure(group, Limits{Shares: 102, Quota: 20000, Period: 100000, Memory: 64 << 20, Pids: 50}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(tree.Mount, "memory", group, "memory.limit_in_bytes")
	if tree.V2() {
		file = filepath.Join(tree.Mount, group, "memory.max")
	}
	raw, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(raw)) != "67108864" {
		t.Fatalf("memory limit is %q (%v)", raw, err)
	}
	if got := tree.Pods()["u1"]; len(got) != 1 || got[0] != group {
		t.Fatalf("Pods() = %v", got)
	}
	unknown := startIn(t, tree, group) // to the runtime
	for range 2 {
		if err := tree.Kill(group + "/container"); err != nil {
			t.Fatal(err)
		}
	}
	if err := unknown.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process that was to be killed ended: %v", err)
	}
	lost := startIn(t, tree, group)
	if err := tree.Remove(group); err != nil {
		t.Fatal(err)
	}
	if err := lost.Wait(); err == nil {
		t.Error("the process that was in the group ended by itself")
	}
	if len(tree.Pods()) != 0 {
		t.Fatal("the group is still there")
	}
}

// startIn starts a process in a container's group below a pod's group.
func startIn(t *testing.T, tree *Tree, group string) *exec.Cmd {
	t.Helper()
	command := exec.Command("sleep", "1000")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill() })
	below := group + "/container"
	if err := tree.Ensure(below, Limits{Shares: 2}); err != nil {
		t.Fatal(err)
	}
	for _, mount := range tree.mounts {
		if err := write(filepath.Join(mount, below), "cgroup.procs", strconv.Itoa(command.Process.Pid)); err != nil {
			t.Fatal(err)
		}
	}
	return command
}
