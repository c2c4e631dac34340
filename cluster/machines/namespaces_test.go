package machines

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// withinVariable tells the process that this test starts where it may run, as "1" or "1,0".
const withinVariable = "COXSWAIN_TEST_WITHIN"

// Mount namespaces are pinned from within any other one, whichever core made that and whichever cores this process may run on: a container
// has a mount namespace of its own.
func TestPinsFromWithinAnotherNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making namespaces needs root")
	}
	if on := os.Getenv(withinVariable); on != "" {
		pinsOn(t, on)
		return
	}
	all := cores()
	all = all[:min(len(all), 3)]
	for _, maker := range all {
		for _, other := range all {
			for _, on := range []string{fmt.Sprint(other), fmt.Sprintf("%d,%d", other, maker)} {
				within(t, maker, on)
			}
		}
	}
}

// within runs this test in a process whose mount namespace was made on a core.
func within(t *testing.T, maker int, on string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	child.Env = append(os.Environ(), withinVariable+"="+on)
	child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	var out []byte
	err := onThread(func() (err error) {
		moveTo(maker)
		out, err = child.CombinedOutput()
		return err
	})
	if err != nil {
		t.Errorf("on cores %s, in a namespace of core %d: %v\n%s", on, maker, err, out)
	}
}

// pinsOn pins namespaces from the first core in on. It may use the others.
func pinsOn(t *testing.T, on string) {
	var cores []int
	for text := range strings.SplitSeq(on, ",") {
		var core int
		if _, err := fmt.Sscan(text, &core); err != nil {
			t.Fatal(err)
		}
		cores = append(cores, core)
	}
	dir := filepath.Join(t.TempDir(), "pins")
	if err := private(dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "m.mnt")
	err := onThread(func() error {
		moveTo(cores[0])
		return pinMounts(file, cores)
	})
	if err != nil || !isPin(file) {
		t.Errorf("the namespace is not held: %v", err)
	}
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		t.Error(err)
	}
}
