package cluster

import (
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
)

// newLocalNode lists the parts of the node on the server's own machine. They share the server's cache, which shows them the
// objects of the watch cache itself; what they write they write as themselves.
func (c *controlPlane) newLocalNode(shared cache.Cache) ([]parts.Part, error) {
	access := &node.Access{
		Scheme: c.inProcess.Scheme, ClientCAs: c.certificates.Authority.Pool(),
		Serving: c.certificates.Kubelet.Serving,
	}
	var err error
	if access.Kubelet.Client, err = c.inProcess.Client(identity.Node(c.options.NodeName), shared); err != nil {
		return nil, err
	}
	if access.Proxy.Client, err = c.inProcess.Client(identity.Proxy(), shared); err != nil {
		return nil, err
	}
	if access.DNS.Client, err = c.inProcess.Client(identity.DNS(), nil); err != nil {
		return nil, err
	}
	access.Kubelet.Cache, access.Proxy.Cache, access.DNS.Cache = shared, shared, shared
	_, parts, err := node.New(&c.options.NodeOptions, &c.options.Shared, access)
	return parts, err
}
