package cluster

import (
	"encoding/json"
	"sync"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/aggregation"
)

// frontProxyName is who the API server is when it calls the servers of APIServices on behalf of others.
const frontProxyName = "front-proxy-client"

// newAggregator sends requests on to the servers of APIServices.
func (c *controlPlane) newAggregator() (*aggregation.Aggregator, error) {
	certificate, err := c.proxyCertificate()
	if err != nil {
		return nil, err
	}
	return &aggregation.Aggregator{
		Lister: c.view, Follow: c.view.Follow, Resolver: c.resolver(), Certificate: &certificate, Clock: clock.RealClock{},
		Writer: sync.OnceValues(func() (client.Client, error) { return c.client(serverIdentity(), nil) }),
	}, nil
}

// requestHeaderConfig tells the servers of APIServices how to know this one, and whom it speaks for.
func (c *controlPlane) requestHeaderConfig() (map[string]string, error) {
	data := map[string]string{
		"client-ca-file": string(c.certificates.clientCAPEM), "requestheader-client-ca-file": string(c.certificates.frontProxy.CertPEM),
	}
	for key, values := range map[string][]string{
		"requestheader-allowed-names": {frontProxyName}, "requestheader-username-headers": {"X-Remote-User"},
		"requestheader-uid-headers": {"X-Remote-Uid"}, "requestheader-group-headers": {"X-Remote-Group"},
		"requestheader-extra-headers-prefix": {"X-Remote-Extra-"},
	} {
		text, err := json.Marshal(values)
		if err != nil {
			return nil, err
		}
		data[key] = string(text)
	}
	return data, nil
}
