package cluster

import (
	"sync"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/aggregation"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
)

// newAggregator sends requests on to the servers of APIServices.
func (c *controlPlane) newAggregator() (*aggregation.Aggregator, error) {
	certificate, err := c.certificates.ProxyCertificate(&c.options.ServingOptions)
	if err != nil {
		return nil, err
	}
	return &aggregation.Aggregator{
		Lister: c.view, Follow: c.view.Follow, Resolver: c.resolver(), Certificate: certificate.Calling, Clock: clock.RealClock{},
		Writer: sync.OnceValues(func() (client.Client, error) { return c.inProcess.Client(identity.Server(), nil) }),
	}, nil
}
