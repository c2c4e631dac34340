package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/typecheck"
	"github.com/coxswain-k8s/coxswain/apiserver/aggregation"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
)

// newExtensions serves what CustomResourceDefinitions define; its writes are the API server's own.
func (c *controlPlane) newExtensions(documents *openapi.Documents) (*extensions.Extensions, error) {
	writer, err := c.inProcess.Client(identity.Server(), nil)
	if err != nil {
		return nil, err
	}
	config := c.inProcess.Config(identity.Server())
	config.NegotiatedSerializer = serializer.NewCodecFactory(c.inProcess.Scheme).WithoutConversion()
	raw, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of custom resources: %w", err)
	}
	return &extensions.Extensions{
		Server: c.server, Cache: c.cache, Client: writer, Raw: raw, OpenAPI: documents, Clock: clock.RealClock{},
		Webhooks: &webhookclient.Clients{Resolver: &webhookclient.Services{Lister: c.view}},
	}, nil
}

// checkExtensions fails until everything is served that was defined before the start.
func (c *controlPlane) checkExtensions(context.Context) error {
	if c.extensions == nil {
		return errors.New("definitions are not read yet")
	}
	select {
	case <-c.extensions.Ready():
		return nil
	default:
		return errors.New("definitions are not read yet")
	}
}

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

// newTypeChecks writes what is suspicious in the expressions of admission policies into their status.
func (c *controlPlane) newTypeChecks() *typecheck.Controller {
	return &typecheck.Controller{
		Lister: c.view, Follow: c.view.Follow,
		Writer: sync.OnceValues(func() (client.Client, error) {
			return c.inProcess.Client(identity.Account("validatingadmissionpolicy-status-controller"), nil)
		}),
		Checker: typecheck.Checker{Types: &typecheck.Served{Rows: c.rows, Lister: c.view}},
	}
}
