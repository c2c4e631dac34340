package programs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Child is a program that runs as a child of this process and is started again when it ends by itself.
//
//	stopped --start--> running --ends--> waiting (1 s, doubling to 30 s) --> running
//	                   running --ctx ends--> stopped (SIGTERM, after Grace SIGKILL)
//
// The child is killed by the kernel when this process dies.
type Child struct {
	Path string
	Args []string
	Env  []string // added to ours
	// Log receives its standard output and standard error.
	Log *os.File
	// Grace between SIGTERM and SIGKILL.
	Grace time.Duration
}

// Run keeps the child running until ctx ends.
func (c *Child) Run(ctx context.Context) error {
	wait := time.Second
	for {
		started := time.Now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
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

// once starts the child and waits for its end. The kernel ties a child's death signal to the thread that
// started it, so that thread is kept.
func (c *Child) once(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		command := exec.CommandContext(ctx, c.Path, c.Args...)
		command.Env = append(os.Environ(), c.Env...)
		command.Stdout, command.Stderr = c.Log, c.Log
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
		command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
		command.WaitDelay = c.Grace
		ended <- command.Run()
	}()
	if err := <-ended; err != nil {
		return fmt.Errorf("running %s: %w", c.Path, err)
	}
	return errors.New("it exited without an error")
}
