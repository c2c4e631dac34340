package env

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Agent is a machine that runs `coxswain agent`: a node, or what wants to become one.
type Agent struct {
	Machine *Machine
	cluster *Cluster
	process
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
	return &Agent{Machine: machine, cluster: c, process: newProcess("agent")}, nil
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
	return a.waitReady(ctx)
}

// Launch starts the agent and waits for nothing.
func (a *Agent) Launch(flags ...string) error {
	return a.launch(a.Command(context.Background(), flags...))
}

// Close ends everything on the machine and removes it.
func (a *Agent) Close() error {
	return errors.Join(a.Machine.Close(), os.RemoveAll(a.Machine.Dir))
}
