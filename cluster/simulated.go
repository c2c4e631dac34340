package cluster

import (
	"context"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
	"github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/kubelet/simulated"
)

// newSimulatedNodes act in the name of all nodes at a time, whatever the modes of authorization are.
func (c *controlPlane) newSimulatedNodes(shared cache.Cache) (parts.Part, error) {
	writer, err := c.inProcess.Client(identity.Of("coxswain:simulated-nodes", user.SystemPrivilegedGroup), shared)
	if err != nil {
		return parts.Part{}, err
	}
	nodes := &simulated.Nodes{
		Client: writer, Cache: shared, Clock: clock.RealClock{}, Count: c.options.SimulatedNodes,
		Network: options.Prefixes(c.options.ClusterCIDR)[0], Version: version.Version,
	}
	return parts.Part{Name: "simulated nodes", Run: func(ctx context.Context) error { return nodes.Run(ctx) }}, nil
}
