package cluster

import (
	"context"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/kubelet/simulated"
)

// newSimulatedNodes act in the name of all nodes at a time, whatever the modes of authorization are.
func (c *controlPlane) newSimulatedNodes(shared cache.Cache) (component, error) {
	writer, err := c.client(identity("coxswain:simulated-nodes", user.SystemPrivilegedGroup), shared)
	if err != nil {
		return component{}, err
	}
	nodes := &simulated.Nodes{
		Client: writer, Cache: shared, Clock: clock.RealClock{}, Count: c.options.SimulatedNodes,
		Network: prefixes(c.options.ClusterCIDR)[0], Version: version.Version,
	}
	return component{"simulated nodes", func(ctx context.Context) error { return nodes.Run(ctx) }}, nil
}
