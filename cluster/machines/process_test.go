package machines

import (
	"os/exec"
	"syscall"
	"testing"
)

// A program that dies with its parent lives on when the thread ends that wanted it.
func TestStartKeepsAThread(t *testing.T) {
	command := exec.Command("sleep", "600")
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := onThread(func() error { return Start(command) }); err != nil {
		t.Fatal(err)
	}
	if err := onThread(func() error { return command.Process.Signal(syscall.SIGTERM) }); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil || err.Error() != "signal: terminated" {
		t.Errorf("the program ended by itself: %v", err)
	}
}
