package peer

import (
	"context"
	"os"

	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// Coxswain is the control plane of `coxswain server`, without the node.
type Coxswain struct {
	// Program is the path of the server.
	Program string
	// APIServerOnly leaves out controllers and scheduler.
	APIServerOnly bool
	// FeatureGates as the flag has them; empty for the defaults.
	FeatureGates string
}

// Name implements Peer.
func (x Coxswain) Name() string { return "Coxswain" }

// prepare implements Peer: an empty folder. Making certificates is part of the start.
func (x Coxswain) prepare(c *Control) error { return os.MkdirAll(c.data(), 0o700) }

func (x Coxswain) launch(ctx context.Context, c *Control) error {
	disable := "--disable=agent"
	if x.APIServerOnly {
		disable += ",controllers,scheduler,cloud-controller-manager"
	}
	args := []string{"server", disable, "--data-dir=" + c.data(), "--https-listen-port=" + port,
		"--node-ip=" + c.machine.IP, "--cluster-cidr=" + podNetwork, "--service-cidr=" + serviceNet, silence}
	if x.FeatureGates != "" {
		args = append(args, "--feature-gates="+x.FeatureGates)
	}
	return c.run(ctx, x.Program, args...)
}

func (x Coxswain) config(c *Control) (*rest.Config, error) {
	return load.Config(c.data("admin.kubeconfig"), c.url())
}
