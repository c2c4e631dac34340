package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A folder that was never a cluster is left alone by `up` and `down`, whatever it is called.
func TestFoldersThatAreNoClusterAreKept(t *testing.T) {
	clusters := t.TempDir()
	const name = "kept-by-test"
	file := filepath.Join(dirOf(clusters, name), "work", "precious")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, up := Up(context.Background(), clusters, Spec{Name: name, Nodes: 1, Servers: 1}, func(string) {})
	_, down := Down(clusters, name)
	for verb, err := range map[string]error{"up": up, "down": down} {
		if err == nil || !strings.Contains(err.Error(), "holds no cluster") {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Error("what was in the folder is gone:", err)
	}
}

// A folder is recognised until everything else in it is gone.
func TestInterruptedRemovalIsRecognised(t *testing.T) {
	f := reserved(t, t.TempDir(), "dev")
	stuck := filepath.Join(f.Dir, "a", "stuck")
	if err := os.MkdirAll(stuck, 0o700); err != nil {
		t.Fatal(err)
	}
	free := stick(t, stuck)
	if err := f.empty(); err == nil {
		t.Fatal("a folder was removed that cannot be")
	}
	if err := f.recognise(); err != nil {
		t.Error("half removed:", err)
	}
	free()
	if err := f.remove(func() error { return nil }); err != nil {
		t.Error("the second time:", err)
	}
	if _, err := os.Stat(f.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder is still there:", err)
	}
}

// What runs in a cluster whose folder was removed by hand goes on writing there: `down` ends it all the same.
func TestEmptiedFolderOfARunningClusterIsRecognised(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making a switch needs root")
	}
	clusters := t.TempDir()
	f := reserved(t, clusters, fmt.Sprintf("emptied%d", os.Getpid()%1000))
	t.Cleanup(func() { _ = f.plug().Sweep() })
	log := filepath.Join(f.Dir, "server", "server.log")
	if err := errors.Join(f.plug().Make(), os.Remove(f.file()), os.Mkdir(filepath.Dir(log), 0o700), os.WriteFile(log, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if was, err := Down(clusters, f.Name); err != nil || !was {
		t.Error("down:", was, err)
	}
	if _, err := os.Stat(f.Dir); !errors.Is(err, os.ErrNotExist) || f.plug().Traces() {
		t.Error("something is left of the cluster:", err)
	}
}

// stick makes a folder one that cannot be removed until free is called, not even by root.
func stick(t *testing.T, dir string) (free func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "in"), 0o700), os.Chmod(dir, 0o500)); err != nil {
			t.Fatal(err)
		}
		free = func() { _ = os.Chmod(dir, 0o700) }
	} else {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			t.Fatal("mounting what cannot be removed:", err)
		}
		free = func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }
	}
	t.Cleanup(free)
	return free
}

// Processes that could not be ended keep their disks.
func TestNothingIsRemovedAfterAFailedSweep(t *testing.T) {
	f := reserved(t, t.TempDir(), "dev")
	failure := errors.New("a process does not end")
	if err := f.remove(func() error { return failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
	if _, err := os.Stat(f.file()); err != nil {
		t.Error("the cluster's folder was emptied:", err)
	}
}
