package cluster

import (
	"encoding/json"
	"sync"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/aggregation"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/options"
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

// requestHeaderConfig tells the servers of APIServices how to know this one and the front proxies beside it, and whom they speak for.
func (c *controlPlane) requestHeaderConfig() (map[string]string, error) {
	proxies := options.RequestHeaderOptions{
		RequestHeaderAllowedNames: []string{identity.FrontProxyName}, RequestHeaderUsernameHeaders: []string{"X-Remote-User"}, RequestHeaderUIDHeaders: []string{"X-Remote-Uid"},
		RequestHeaderGroupHeaders: []string{"X-Remote-Group"}, RequestHeaderExtraHeaderPrefixes: []string{"X-Remote-Extra-"},
	}
	proxies.Add(&c.options.RequestHeaderOptions)
	data := map[string]string{
		"client-ca-file": string(c.certificates.Clients.PEM()), "requestheader-client-ca-file": string(c.certificates.FrontProxy.CertPEM) + string(c.certificates.Proxies.PEM()),
	}
	for key, values := range map[string][]string{
		"requestheader-allowed-names": proxies.RequestHeaderAllowedNames, "requestheader-username-headers": proxies.RequestHeaderUsernameHeaders,
		"requestheader-uid-headers": proxies.RequestHeaderUIDHeaders, "requestheader-group-headers": proxies.RequestHeaderGroupHeaders,
		"requestheader-extra-headers-prefix": proxies.RequestHeaderExtraHeaderPrefixes,
	} {
		text, err := json.Marshal(values)
		if err != nil {
			return nil, err
		}
		data[key] = string(text)
	}
	return data, nil
}
