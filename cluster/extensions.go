package cluster

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

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
