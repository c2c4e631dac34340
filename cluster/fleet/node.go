package fleet

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"time"

	"github.com/coxswain-k8s/coxswain/cluster/machines"
)

// State is what a node does.
type State string

// States of a node.
//
//	Running --Stop--> Stopped    Running --Pause--> Paused    Running --Partition--> Partitioned
//	Running --a program of it ends--> Failed                  any of them --Start--> Running
const (
	Running     State = "running"
	Stopped     State = "stopped"     // it is switched off: only its disk is there
	Paused      State = "paused"      // everything that runs on it is frozen
	Partitioned State = "partitioned" // it runs, and nobody reaches it
	Failed      State = "failed"      // it is on, but its agent or server does not run
)

// Node is one node of a cluster.
type Node struct {
	fleet   *Fleet
	server  bool
	machine *machines.Machine
}

// Name of the node and its machine.
func (n *Node) Name() string { return n.machine.Name }

// IP of the node.
func (n *Node) IP() string { return n.machine.IP.String() }

// Roles are the programs that run on it.
func (n *Node) Roles() []string {
	if n.server {
		return []string{server, agent}
	}
	return []string{agent}
}

// State is what the node does now.
func (n *Node) State() State {
	if !n.machine.Exists() {
		return Stopped
	}
	if n.machine.Paused() {
		return Paused
	}
	for _, program := range n.Roles() {
		if n.pid(program) == 0 {
			return Failed
		}
	}
	if n.machine.IsCut() {
		return Partitioned
	}
	return Running
}

// stopPatience is how long a program may take to end by itself when its node is switched off.
const stopPatience = 3 * time.Second

// Stop switches the node off: its programs end, then everything else that runs on it, containers too.
func (n *Node) Stop() error {
	return n.change("stop", func(state State) error {
		switch state {
		case Stopped:
			return n.is(state)
		case Running, Failed:
			n.terminate(agent, stopPatience)
			n.terminate(server, stopPatience)
		}
		return n.machine.Remove()
	})
}

// Pause freezes everything that runs on the node.
func (n *Node) Pause() error {
	return n.change("pause", func(state State) error {
		if state != Running {
			return n.is(state)
		}
		return n.machine.Pause(true)
	})
}

// Partition takes the node off the network. What runs on it goes on.
func (n *Node) Partition() error {
	return n.change("partition", func(state State) error {
		if state != Running {
			return n.is(state)
		}
		return n.machine.Cut(true)
	})
}

// Start brings the node back from wherever it is.
func (n *Node) Start() error {
	return n.change("start", func(state State) error {
		switch state {
		case Running:
			return n.is(state)
		case Paused:
			if err := n.machine.Pause(false); err != nil {
				return err
			}
		case Stopped:
			if err := n.boot(); err != nil {
				return err
			}
		}
		if n.machine.IsCut() {
			if err := n.machine.Cut(false); err != nil {
				return err
			}
		}
		for _, program := range n.Roles() {
			if n.pid(program) == 0 {
				if _, err := n.run(program); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// boot makes the machine of a node that is switched off. After a reboot of this machine the switch is gone too.
func (n *Node) boot() error {
	if !n.machine.Switch.Exists() {
		if err := errors.Join(n.machine.Switch.Sweep(), n.machine.Switch.Make()); err != nil {
			return err
		}
	}
	if err := n.machine.Remove(); err != nil {
		return err
	}
	if err := n.fleet.unpack(); err != nil {
		return err
	}
	return n.machine.Make()
}

// change does one thing to a node while no other command does anything to its cluster.
func (n *Node) change(verb string, do func(State) error) error {
	unlock, err := lock(n.fleet.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(n.fleet.file()); err != nil {
		return fmt.Errorf("%w: %s", errNone, n.fleet.Name)
	}
	if err := do(n.State()); err != nil {
		return fmt.Errorf("cannot %s %s: %w", verb, n.Name(), err)
	}
	return nil
}

// is says why something cannot be done.
func (n *Node) is(state State) error {
	hint := ""
	if state != Running {
		hint = fmt.Sprintf("; `coxswain node start %s` brings it back", n.Name())
	}
	return fmt.Errorf("it is %s%s", state, hint)
}

// url of the API server on the node.
func (n *Node) url() string { return "https://" + net.JoinHostPort(n.IP(), "6443") }

// run starts one of the node's programs.
func (n *Node) run(program string) (*process, error) {
	if program == server {
		return n.start(server, n.serverConfig())
	}
	return n.start(agent, n.agentConfig())
}

func (n *Node) serverConfig() map[string]any {
	config := maps.Clone(n.fleet.Server)
	if config == nil {
		config = map[string]any{}
	}
	maps.Copy(config, map[string]any{
		"data-dir": n.path(server), "disable": []string{"agent"}, "node-name": n.Name(), "node-ip": n.IP(), "advertise-address": n.IP(),
		"token": n.fleet.Token,
	})
	return config
}

func (n *Node) agentConfig() map[string]any {
	config := maps.Clone(n.fleet.Agent)
	if config == nil {
		config = map[string]any{}
	}
	var servers []string
	for _, other := range n.fleet.Nodes()[:n.fleet.Servers] {
		servers = append(servers, other.url())
	}
	maps.Copy(config, map[string]any{
		"kubelet-config": n.path(kubeletFile), "data-dir": n.path(agent), "node-name": n.Name(), "node-ip": n.IP(), "server": servers, "token": n.fleet.Token, "cgroup-root": n.machine.Cgroup(),
	})
	return config
}
