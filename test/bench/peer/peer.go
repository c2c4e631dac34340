package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
	"github.com/coxswain-k8s/coxswain/test/env"
)

// The networks and the port of both. There are addresses for the pods of 16,384 nodes.
const (
	port        = "6443"
	podNetwork  = "100.64.0.0/10"
	serviceNet  = "10.43.0.0/16"
	stopLimit   = 30 * time.Second
	askEvery    = 5 * time.Millisecond
	dataFolder  = "data"
	placeholder = "DIR"
)

// Peer is a control plane that can be started.
type Peer interface {
	// Name in tables.
	Name() string
	// prepare makes what must exist before the start and is not part of it.
	prepare(c *Control) error
	// launch starts the processes.
	launch(ctx context.Context, c *Control) error
	// config of the administrator, when the server is ready or about to be.
	config(c *Control) (*rest.Config, error)
}

// Control is a control plane that runs.
type Control struct {
	Peer Peer
	// Config of the administrator.
	Config *rest.Config
	// Launched is when the first process was started, ReadyAfter how long it then took until /readyz was ok.
	Launched   time.Time
	ReadyAfter time.Duration

	machine   *env.Machine
	dir       string
	processes []*process
}

// Start starts a control plane on the machine of that number and waits until its API server says that it is ready.
func Start(ctx context.Context, p Peer, octet int) (*Control, error) {
	dir, err := os.MkdirTemp("", "peer-")
	if err != nil {
		return nil, err
	}
	c := &Control{Peer: p, dir: dir}
	if c.machine, err = env.NewMachine(ctx, dir, octet); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := c.start(ctx); err != nil {
		err = fmt.Errorf("starting %s: %w\n%s", p.Name(), err, c.tails())
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Control) start(ctx context.Context) error {
	if err := c.Peer.prepare(c); err != nil {
		return fmt.Errorf("preparing: %w", err)
	}
	c.Launched = time.Now()
	if err := c.Peer.launch(ctx, c); err != nil || c.ReadyAfter != 0 {
		return err
	}
	return c.waitReady(ctx)
}

// waitReady asks until the server says that it is ready.
func (c *Control) waitReady(ctx context.Context) error {
	var client *http.Client
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		if client == nil {
			if config, err := c.Peer.config(c); err == nil {
				if client, err = rest.HTTPClientFor(load.Separate(config)); err != nil {
					return err
				}
				defer client.CloseIdleConnections()
				c.Config = config
			}
		}
		if client != nil && ready(ctx, client, c.url()) {
			c.ReadyAfter = time.Since(c.Launched)
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until it is ready: %w", ctx.Err())
		}
		if err := c.Alive(); err != nil {
			return err
		}
	}
}

func ready(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (c *Control) url() string { return "https://" + net.JoinHostPort(c.machine.IP, port) }

// data is a path in the folder of what is kept.
func (c *Control) data(names ...string) string {
	return filepath.Join(append([]string{c.dir, dataFolder}, names...)...)
}

// run starts a program on the machine; what it writes goes to a file beside the data.
func (c *Control) run(ctx context.Context, program string, args ...string) error {
	started, err := startProcess(c.machine.Command(ctx, program, args...), filepath.Join(c.dir, filepath.Base(program)+".log"))
	if err != nil {
		return err
	}
	started.line = strings.ReplaceAll(filepath.Base(program)+" "+strings.Join(args, " "), c.data(), placeholder)
	started.line = strings.ReplaceAll(started.line, c.machine.IP, "IP")
	c.processes = append(c.processes, started)
	return nil
}

// Beside starts another program on the machine, which ends when the control plane does.
func (c *Control) Beside(ctx context.Context, program string, args ...string) error {
	return c.run(ctx, program, args...)
}

// Alive is an error when a process has ended.
func (c *Control) Alive() error {
	for _, p := range c.processes {
		if p.over() {
			return fmt.Errorf("%s has ended: %v", p.name(), p.result)
		}
	}
	return nil
}

// PIDs of all processes.
func (c *Control) PIDs() []int {
	var all []int
	for _, p := range c.processes {
		all = append(all, p.command.Process.Pid)
	}
	return all
}

// Commands are the command lines that were run, with DIR and IP for what differs from start to start.
func (c *Control) Commands() []string {
	var all []string
	for _, p := range c.processes {
		all = append(all, p.line)
	}
	return all
}

// Stop ends the processes, the last first, and removes the machine and everything that was written.
func (c *Control) Stop() error {
	for i := len(c.processes) - 1; i >= 0; i-- {
		c.processes[i].stop(syscall.SIGTERM, stopLimit)
	}
	return errors.Join(c.machine.Close(), os.RemoveAll(c.dir))
}

// tails are the last lines of every log.
func (c *Control) tails() string {
	var all strings.Builder
	for _, p := range c.processes {
		fmt.Fprintf(&all, "--- %s\n%s\n", p.name(), p.tail())
	}
	return all.String()
}
