package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/coxswain-k8s/coxswain/proxy/iptables"
	"github.com/coxswain-k8s/coxswain/proxy/nftables"
	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// Backend puts rules into the kernel.
type Backend interface {
	// Name is the mode that chooses the backend.
	Name() string
	// SetPodCIDRs says which of the cluster's networks are those of this node's pods, whose replies come back through this node whatever
	// becomes of their packets. It takes effect with the next Replace. Without any, all pods pass for this node's.
	SetPodCIDRs(own []netip.Prefix)
	// Replace makes the given state all there is. Connections, also new ones, are served all the while.
	Replace(ctx context.Context, all rules.Change) error
	// Apply carries out a difference. After an error the kernel's state is unknown and Replace is called.
	Apply(ctx context.Context, c rules.Change) error
	// Cleanup removes everything.
	Cleanup(ctx context.Context) error
	// Close gives up the backend and leaves the rules.
	Close() error
}

// Modes that Proxy.Mode accepts, beside "" for the first one that the kernel has.
const (
	ModeNFTables = "nftables"
	ModeIPTables = "iptables"
)

type opener struct {
	mode string
	open func(clusterCIDRs []netip.Prefix) (Backend, error)
}

// openers are the modes in the order in which they are tried.
func openers() []opener {
	return []opener{
		{ModeNFTables, func(c []netip.Prefix) (Backend, error) { return nftables.New(c) }},
		{ModeIPTables, func(c []netip.Prefix) (Backend, error) { return iptables.New(c) }},
	}
}

// openBackend opens the backend of the mode.
func openBackend(mode string, clusterCIDRs []netip.Prefix) (Backend, error) {
	var errs []error
	for _, o := range openers() {
		if mode != "" && mode != o.mode {
			continue
		}
		b, err := o.open(clusterCIDRs)
		if err == nil {
			return b, nil
		}
		errs = append(errs, fmt.Errorf("mode %s: %w", o.mode, err))
	}
	if len(errs) == 0 {
		return nil, fmt.Errorf("unknown proxy mode %q", mode)
	}
	return nil, fmt.Errorf("the kernel cannot do what the proxy needs: %w", errors.Join(errs...))
}
