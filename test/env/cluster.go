package env

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Cluster is a server on a machine.
type Cluster struct {
	Machine *Machine // nil for the cluster of a Fleet
	// Root of the project, where bin/ and build/ are.
	Root string
	// Kubeconfig of the administrator.
	Kubeconfig string

	// StartTook is how long the last Start took, from starting the process to its being ready.
	StartTook time.Duration

	process
}

// NewCluster makes a machine and starts a server on it, with flags beside those that say where things are.
func NewCluster(ctx context.Context, octet int, flags ...string) (*Cluster, error) {
	root, err := projectRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "coxswain-")
	if err != nil {
		return nil, err
	}
	machine, err := NewMachine(ctx, dir, octet)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c := &Cluster{Machine: machine, process: newProcess("server"), Root: root, Kubeconfig: filepath.Join(dir, "data", "admin.kubeconfig")}
	if err := c.Start(ctx, flags...); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// projectRoot is the nearest folder above that has a go.mod.
func projectRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil && dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.Join(err, errors.New("finding the project's root: no go.mod above"))
}

// Start starts the server, which must not be running, and returns when it says that it is ready.
func (c *Cluster) Start(ctx context.Context, flags ...string) error {
	started := time.Now()
	if err := c.Launch(flags...); err != nil {
		return err
	}
	if err := c.waitReady(ctx); err != nil {
		return err
	}
	c.StartTook = time.Since(started)
	return nil
}

// Launch starts the server and waits for nothing.
func (c *Cluster) Launch(flags ...string) error {
	return c.launch(c.ServerCommand(context.Background(), flags...))
}

// ServerCommand is a server on the cluster's data folder that is not started yet.
func (c *Cluster) ServerCommand(ctx context.Context, flags ...string) *exec.Cmd {
	return c.Machine.Command(ctx, c.Program(), slices.Concat([]string{"server"}, c.Machine.flags(c.Root), flags)...)
}

// DataDir is the server's data folder.
func (c *Cluster) DataDir() string { return filepath.Dir(c.Kubeconfig) }

// Program is the server's path.
func (c *Cluster) Program() string { return filepath.Join(c.bin(), "coxswain") }

// bin is the folder of the programs: bin/ of the project, or E2E_BIN.
func (c *Cluster) bin() string {
	if dir := os.Getenv("E2E_BIN"); dir != "" {
		return dir
	}
	return filepath.Join(c.Root, "bin")
}

// PID of the server's process.
func (c *Cluster) PID() int { return c.command.Process.Pid }

// URL of the API server from outside of the machine.
func (c *Cluster) URL() string { return "https://" + net.JoinHostPort(c.Machine.IP, "6443") }

// WaitNode waits until the machine's node is ready for pods.
func (c *Cluster) WaitNode(ctx context.Context) error {
	for {
		out, err := c.Kubectl(ctx, "wait", "node/"+c.Machine.Name, "--for=condition=Ready", "--timeout=60s")
		if err == nil || ctx.Err() != nil || !strings.Contains(out+err.Error(), "NotFound") {
			return err
		}
	}
}

// Close ends everything and removes it.
func (c *Cluster) Close() error {
	return errors.Join(c.Machine.Close(), os.RemoveAll(c.Machine.Dir))
}

// Kubectl runs kubectl on the machine, as the administrator.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.KubectlInput(ctx, "", args...)
}

// KubectlInput is Kubectl with a standard input.
func (c *Cluster) KubectlInput(ctx context.Context, input string, args ...string) (string, error) {
	command := c.KubectlCommand(ctx, args...)
	command.Stdin = strings.NewReader(input)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s%s", strings.Join(args, " "), err, out.String(), problems.String())
	}
	return out.String(), nil
}

// KubectlCommand is a kubectl that is not started yet.
func (c *Cluster) KubectlCommand(ctx context.Context, args ...string) *exec.Cmd {
	kubectl := filepath.Join(c.bin(), "kubectl")
	command := exec.CommandContext(ctx, kubectl, args...)
	if c.Machine != nil {
		command = c.Machine.Command(ctx, kubectl, args...)
	}
	command.Env = append(command.Environ(), "KUBECONFIG="+c.Kubeconfig, "COXSWAIN_DATA_DIR="+c.DataDir())
	return command
}
