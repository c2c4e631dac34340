package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/coxswain-k8s/coxswain/cluster/machines"
)

// Agent is a machine that runs `coxswain agent`: a node, or what wants to become one.
type Agent struct {
	Machine *Machine
	cluster *Cluster

	process *exec.Cmd
	output  *buffer
	past    string // what earlier agents wrote
	ended   chan error
}

// NewAgent makes a machine beside the cluster's. Nothing runs on it yet.
func (c *Cluster) NewAgent(ctx context.Context, octet int) (*Agent, error) {
	dir, err := os.MkdirTemp("", "coxswain-")
	if err != nil {
		return nil, err
	}
	machine, err := NewMachine(ctx, dir, octet)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Agent{Machine: machine, cluster: c, output: &buffer{ready: make(chan struct{})}}, nil
}

// Command is an agent on the machine's data folder that is not started yet.
func (a *Agent) Command(ctx context.Context, flags ...string) *exec.Cmd {
	return a.Machine.Command(ctx, a.cluster.Program(), slices.Concat([]string{"agent"}, a.Machine.flags(a.cluster.Root), flags)...)
}

// DataDir is the agent's data folder.
func (a *Agent) DataDir() string { return filepath.Join(a.Machine.Dir, "data") }

// Start starts the agent, which must not be running, and returns when it says that it is ready.
func (a *Agent) Start(ctx context.Context, flags ...string) error {
	if err := a.Launch(flags...); err != nil {
		return err
	}
	select {
	case <-a.output.ready:
		return nil
	case err := <-a.ended:
		a.ended <- err
		return fmt.Errorf("the agent ended: %w:\n%s", err, a.output)
	case <-ctx.Done():
		return fmt.Errorf("the agent is not ready: %w:\n%s", ctx.Err(), a.output)
	}
}

// Launch starts the agent and waits for nothing.
func (a *Agent) Launch(flags ...string) error {
	a.past += a.output.String()
	a.process = a.Command(context.Background(), flags...)
	a.output = &buffer{ready: make(chan struct{})}
	a.process.Stdout, a.process.Stderr = a.output, a.output
	a.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := machines.Start(a.process); err != nil {
		return fmt.Errorf("starting the agent: %w", err)
	}
	ended := make(chan error, 1)
	go func(process *exec.Cmd) { ended <- process.Wait() }(a.process)
	a.ended = ended
	return nil
}

// Stop sends the agent a signal, and returns how long it took to end.
func (a *Agent) Stop(signal os.Signal) (time.Duration, error) {
	started := time.Now()
	if err := a.process.Process.Signal(signal); err != nil {
		return 0, err
	}
	err := <-a.ended
	a.ended <- err
	if signal == os.Kill {
		err = nil
	}
	return time.Since(started), err
}

// Running says whether the agent has not ended yet.
func (a *Agent) Running() bool { return a.process != nil && len(a.ended) == 0 }

// Log is what the agent, and those before it, have written so far.
func (a *Agent) Log() string { return a.past + a.output.String() }

// Close ends everything on the machine and removes it.
func (a *Agent) Close() error {
	return errors.Join(a.Machine.Close(), os.RemoveAll(a.Machine.Dir))
}
