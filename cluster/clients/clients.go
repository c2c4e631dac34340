package clients

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/inprocess"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/version"
)

// InProcess makes clients of an API server in this process.
type InProcess struct {
	Scheme *runtime.Scheme
	// BuiltIn knows the resources that no client has to ask for.
	BuiltIn func() meta.RESTMapper
	// Handler answers. It may be set later than what is made before the first request.
	Handler http.Handler

	mapping    sync.Once
	mapped     meta.RESTMapper
	mappingErr error
}

// Config is a client in this process: its requests are calls of the handler, made as u. Its speed is not
// limited; what it may do is.
func (c *InProcess) Config(u user.Info) *rest.Config {
	agent := identity.Agent(u) + "/" + version.Version + " " + u.GetName()
	return &rest.Config{
		Host: "http://coxswain", QPS: -1, Transport: &inprocess.Transport{Handler: c.Handler, User: u, UserAgent: agent},
		WarningHandler: rest.NoWarnings{}, UserAgent: agent,
		ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf, AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON},
	}
}

// Client writes as u, and reads through reader if there is one.
func (c *InProcess) Client(u user.Info, reader client.Reader) (client.Client, error) {
	live, err := c.Live(c.Config(u))
	if err != nil {
		return nil, fmt.Errorf("making a client for %s: %w", u.GetName(), err)
	}
	if reader == nil {
		return live, nil
	}
	return Reading(live, reader), nil
}

// Live asks the API server whatever it is asked.
func (c *InProcess) Live(config *rest.Config) (*inprocess.Client, error) {
	mapper, err := c.Mapper()
	if err != nil {
		return nil, err
	}
	made := &lazy{scheme: c.Scheme, mapper: mapper, made: sync.OnceValues(func() (client.Client, error) {
		return client.New(config, client.Options{Scheme: c.Scheme, Mapper: mapper, HTTPClient: &http.Client{Transport: config.Transport}})
	})}
	return &inprocess.Client{Client: made, Transport: config.Transport.(*inprocess.Transport)}, nil
}

// Reading is the same client, but that it reads through reader. To make another one takes as long as all else about it.
func Reading(live *inprocess.Client, reader client.Reader) client.Client {
	return &inprocess.Client{Client: cachedClient{live.Client, reader}, Transport: live.Transport}
}

// cachedClient reads through a cache what has a Go type, as clients of controller-runtime with a cache do.
type cachedClient struct {
	client.Client
	reader client.Reader
}

// Get implements client.Reader.
func (c cachedClient) Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	if _, untyped := obj.(runtime.Unstructured); untyped {
		return c.Client.Get(ctx, key, obj, opts...)
	}
	return c.reader.Get(ctx, key, obj, opts...)
}

// List implements client.Reader.
func (c cachedClient) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, untyped := list.(runtime.Unstructured); untyped {
		return c.Client.List(ctx, list, opts...)
	}
	return c.reader.List(ctx, list, opts...)
}

// Mapper is what all clients in this process share: it knows what is built in, and asks discovery for the rest.
func (c *InProcess) Mapper() (meta.RESTMapper, error) {
	c.mapping.Do(func() {
		config := c.Config(identity.Manager())
		dynamic, err := apiutil.NewDynamicRESTMapper(config, &http.Client{Transport: config.Transport})
		if err != nil {
			c.mappingErr = fmt.Errorf("making a mapper of resources: %w", err)
			return
		}
		c.mapped = meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{c.BuiltIn(), dynamic}}
	})
	return c.mapped, c.mappingErr
}

// NewMapper knows the resources that are built in, so that no client has to ask for them.
func NewMapper(rows []*resource.Resource) meta.RESTMapper {
	var versions []schema.GroupVersion
	for _, row := range rows {
		for _, version := range row.Versions {
			versions = append(versions, schema.GroupVersion{Group: row.Group, Version: version.Name})
		}
	}
	mapper := meta.NewDefaultRESTMapper(versions)
	for _, row := range rows {
		scope := meta.RESTScope(meta.RESTScopeRoot)
		if row.Namespaced {
			scope = meta.RESTScopeNamespace
		}
		for _, version := range row.Versions {
			gv := schema.GroupVersion{Group: row.Group, Version: version.Name}
			mapper.AddSpecific(gv.WithKind(row.Kind), gv.WithResource(row.Name), gv.WithResource(row.Singular), scope)
		}
	}
	return mapper
}
