package programs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Child is a program that is started again when it ends by itself, and that outlives this process: the next one takes
// it up where it is. What it does for others goes on meanwhile.
//
//	taken up or started --ends--> waiting (1 s, doubling to 30 s) --> started
//	                    --ctx ends--> left alone
type Child struct {
	Path string
	Args []string
	Env  []string // added to ours
	// Configuration that it was started with, as a digest. One that runs with another is replaced.
	Configuration string
	// LogFile receives its standard output and standard error; each start begins it anew.
	LogFile string
	// PIDFile says which process it is, and its Configuration.
	PIDFile string
	// Serves says whether a process that is taken up does its work; one that does not is replaced.
	Serves func(context.Context) bool
}

// Run keeps the program running until ctx ends. taken is called when one that ran already was taken up.
func (c *Child) Run(ctx context.Context, taken func()) error {
	wait := time.Second
	pid := c.running(ctx)
	if pid != 0 {
		taken()
	}
	for {
		started := time.Now()
		var err error
		if pid == 0 {
			pid, err = c.start()
		}
		if err == nil {
			err = await(ctx, pid)
		}
		if ctx.Err() != nil {
			return nil
		}
		pid = 0
		log.FromContext(ctx).Error(err, "Program ended, starting it again", "program", c.Path, "wait", wait.String())
		if time.Since(started) > time.Minute {
			wait = time.Second
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		wait = min(2*wait, 30*time.Second)
	}
}

// running returns the process that an earlier server has left, if it is this very program with these arguments and this
// configuration, and does its work. Any other is ended.
func (c *Child) running(ctx context.Context) int {
	data, err := os.ReadFile(c.PIDFile)
	if err != nil {
		return 0
	}
	number, configuration, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	pid, err := strconv.Atoi(number)
	if err != nil || pid <= 1 {
		return 0
	}
	command, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	words := strings.Split(strings.TrimSuffix(string(command), "\x00"), "\x00")
	begins := len(words) > 5 && words[2] == announce && words[5] == c.PIDFile // a shell that is about to become the program
	if err != nil || filepath.Base(words[0]) != filepath.Base(c.Path) && !begins {
		return 0 // the number belongs to somebody else by now
	}
	if words[0] == c.Path && slices.Equal(words[1:], c.Args) && configuration == c.Configuration && c.Serves(ctx) {
		return pid
	}
	log.FromContext(ctx).Info("Replacing a program that an earlier server started", "program", c.Path, "pid", pid)
	_ = syscall.Kill(pid, syscall.SIGTERM)
	grace, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if await(grace, pid) == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return 0
}

// announce writes down the process before it becomes the program, so that a server which is killed at this very moment
// leaves none that the next one does not know. The program gets the usual mask, whatever ours is: a containerd with a
// stricter one would make root folders of containers that only root may enter.
const announce = `umask 077; echo "$$ $1" > "$2" && shift 2 && umask 022 && exec "$@"`

// start starts the program in a session of its own, so that neither a terminal nor our end reaches it.
func (c *Child) start() (int, error) {
	output, err := os.OpenFile(c.LogFile, os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer output.Close()
	command := exec.Command("/bin/sh", append([]string{"-c", announce, "sh", c.Configuration, c.PIDFile, c.Path}, c.Args...)...)
	command.Env = append(os.Environ(), c.Env...)
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return 0, fmt.Errorf("starting %s: %w", c.Path, err)
	}
	pid := command.Process.Pid
	return pid, command.Process.Release()
}

// errEnded says that a program ended by itself.
var errEnded = errors.New("the program ended")

// await returns errEnded when the process has ended, and nil when ctx ends first.
func await(ctx context.Context, pid int) error {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("%w: %w", errEnded, err)
	}
	file := os.NewFile(uintptr(fd), "pidfd")
	defer file.Close()
	stop := context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Now()) })
	defer stop()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	err = raw.Read(func(fd uintptr) bool {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0) //nolint:gosec // a descriptor fits
		return err == nil && ready > 0
	})
	if err != nil && ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("waiting for process %d: %w", pid, err)
	}
	_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // reaps it if it is ours
	return errEnded
}
