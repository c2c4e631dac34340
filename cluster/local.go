package cluster

import "sigs.k8s.io/controller-runtime/pkg/cache"

// newLocalNode lists the parts of the node on the server's own machine. They share the server's cache, which shows them the
// objects of the watch cache itself; what they write they write as themselves.
func (c *controlPlane) newLocalNode(shared cache.Cache) ([]component, error) {
	access := &nodeAccess{
		scheme: c.scheme, clientCAs: c.certificates.authority.Pool(),
		serving: c.certificates.kubelet.Serving,
	}
	var err error
	if access.kubelet.client, err = c.client(nodeIdentity(c.options.NodeName), shared); err != nil {
		return nil, err
	}
	if access.proxy.client, err = c.client(proxyIdentity(), shared); err != nil {
		return nil, err
	}
	if access.dns.client, err = c.client(dnsIdentity(), nil); err != nil {
		return nil, err
	}
	access.kubelet.cache, access.proxy.cache, access.dns.cache = shared, shared, shared
	_, parts, err := newNode(&c.options.NodeOptions, &c.options.Shared, access)
	return parts, err
}
