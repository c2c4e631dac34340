package programs

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// longLived is a child that does nothing for longer than any test.
func longLived(t *testing.T, path string) *Child {
	t.Helper()
	dir := t.TempDir()
	c := &Child{
		Path: path, Args: []string{"1000"}, Configuration: "one",
		LogFile: filepath.Join(dir, "log"), PIDFile: filepath.Join(dir, "pid"), Serves: func(context.Context) bool { return true },
	}
	t.Cleanup(func() {
		if pid := c.pid(); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return c
}

func (c *Child) pid() int {
	data, err := os.ReadFile(c.PIDFile)
	if err != nil {
		return 0
	}
	number, _, _ := strings.Cut(string(data), " ")
	pid, _ := strconv.Atoi(number)
	return pid
}

// live runs a child as one server does. The server ends when the function that it returns is called.
func live(t *testing.T, c *Child, taken func()) func() {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Run(ctx, taken); err != nil {
			t.Error(err)
		}
	})
	return func() { end(); running.Wait() }
}

// becomes waits until the child's process is another one than before, and is the program and not the shell any more.
func (c *Child) becomes(t *testing.T, before int) int {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		pid := c.pid()
		command, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if program, _, _ := strings.Cut(string(command), "\x00"); pid != before && pid != 0 && program == c.Path {
			return pid
		}
	}
	t.Fatalf("the process is still %d", before)
	return 0
}

func TestChildIsTakenUp(t *testing.T) {
	c := longLived(t, "/bin/sleep")
	end := live(t, c, func() { t.Error("nothing could be taken up yet") })
	pid := c.becomes(t, 0)
	end()
	taken := make(chan struct{})
	end = live(t, c, func() { close(taken) })
	<-taken
	if c.pid() != pid {
		t.Errorf("process %d was taken up, want %d", c.pid(), pid)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.becomes(t, pid)
	end()
}

func TestChildIsReplaced(t *testing.T) {
	for name, change := range map[string]func(*Child){
		"it does not serve":     func(c *Child) { c.Serves = func(context.Context) bool { return false } },
		"another configuration": func(c *Child) { c.Configuration = "two" },
		"other arguments":       func(c *Child) { c.Args = []string{"2000"} },
		"another version":       func(c *Child) { c.Path = "/usr/bin/../bin/sleep" },
	} {
		t.Run(name, func(t *testing.T) {
			c := longLived(t, "/usr/bin/sleep")
			end := live(t, c, func() {})
			pid := c.becomes(t, 0)
			end()
			change(c)
			end = live(t, c, func() { t.Error("the old process was taken up") })
			c.becomes(t, pid)
			if runs(pid) {
				t.Errorf("process %d runs on", pid)
			}
			end()
		})
	}
}

// runs says whether a process has not ended. One that has may wait for whoever inherited it to take note.
func runs(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func TestNumberOfAnotherProgramIsLeftAlone(t *testing.T) {
	c := longLived(t, "/bin/sleep")
	if err := os.WriteFile(c.PIDFile, []byte(strconv.Itoa(os.Getpid())+" one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	end := live(t, c, func() { t.Error("this test was taken for the child") })
	c.becomes(t, os.Getpid())
	end()
}

func TestChildHasTheUsualMask(t *testing.T) {
	c := longLived(t, "/bin/sleep")
	end := live(t, c, func() {})
	defer end()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.becomes(t, 0)), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(string(status), "Umask:\t0022") && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if status, err = os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.pid()), "status")); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(string(status), "Umask:\t0022") {
		t.Errorf("the mask is not 0022: %s", status)
	}
}
