package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/cluster/datadir"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
)

// Node is a running node of a cluster whose server runs elsewhere.
type Node struct {
	ready chan struct{}
	done  chan struct{}
	err   error
}

// Start joins a cluster and returns when the node has what it needs to run. It runs until ctx ends or a part fails.
func Start(ctx context.Context, options options.AgentOptions) (*Node, error) {
	if err := options.Complete(); err != nil {
		return nil, err
	}
	if err := options.Validate(); err != nil {
		return nil, err
	}
	if err := node.Check(); err != nil {
		return nil, err
	}
	unlock, err := datadir.Lock(options.DataDir)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	running, machine, err := setUp(ctx, &options)
	if err != nil {
		stop()
		return nil, errors.Join(err, unlock())
	}
	n := &Node{ready: machine.Ready, done: make(chan struct{})}
	go func() {
		defer close(n.done)
		defer stop()
		n.err = errors.Join(running.Run(ctx), unlock())
	}()
	return n, nil
}

// setUp makes this machine a member of the cluster, and its parts ready to run.
func setUp(ctx context.Context, o *options.AgentOptions) (*parts.All, *node.Node, error) {
	m := newMembership(o)
	if err := m.join(ctx); err != nil {
		return nil, nil, fmt.Errorf("joining the cluster: %w", err)
	}
	access, err := m.access()
	if err != nil {
		return nil, nil, err
	}
	machine, components, err := node.New(&o.NodeOptions, m.shared, access)
	if err != nil {
		return nil, nil, fmt.Errorf("setting up the node: %w", err)
	}
	components = append(components, m.components(access)...)
	return &parts.All{Caches: []cache.Cache{m.caches.kubelet, m.caches.proxy, m.caches.dns}, Parts: components}, machine, nil
}

// Ready is closed when the node is registered and its pods are looked after.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Done is closed when the node has ended.
func (n *Node) Done() <-chan struct{} { return n.done }

// Wait returns when the node has ended, with what made it end if that was not asked for.
func (n *Node) Wait() error {
	<-n.done
	return n.err
}

// agentDir is where an agent keeps its certificates and what it knows of the cluster.
func agentDir(o *options.AgentOptions) string { return filepath.Join(o.DataDir, "agent") }
