package cluster

import (
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
	"github.com/coxswain-k8s/coxswain/cluster/version"
)

// memoryConfig is a client in this process: its requests are calls of the handler, made as u. Its speed is not
// limited; what it may do is.
func (c *controlPlane) memoryConfig(u user.Info) *rest.Config {
	agent := agentOf(u) + "/" + version.Version + " " + u.GetName()
	return &rest.Config{
		Host: "http://coxswain", QPS: -1, Transport: &inprocess.Transport{Handler: c.handler, User: u, UserAgent: agent},
		WarningHandler: rest.NoWarnings{}, UserAgent: agent,
		ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf, AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON},
	}
}

// client writes as u, and reads through reader if there is one.
func (c *controlPlane) client(u user.Info, reader client.Reader) (client.Client, error) {
	config := c.memoryConfig(u)
	mapper, err := c.restMapper()
	if err != nil {
		return nil, err
	}
	options := client.Options{Scheme: c.scheme, Mapper: mapper, HTTPClient: &http.Client{Transport: config.Transport}}
	if reader != nil {
		options.Cache = &client.CacheOptions{Reader: reader}
	}
	made, err := client.New(config, options)
	if err != nil {
		return nil, fmt.Errorf("making a client for %s: %w", u.GetName(), err)
	}
	return &inprocess.Client{Client: made, Transport: config.Transport.(*inprocess.Transport)}, nil
}

// sharedMapper is made when it is first asked for.
type sharedMapper struct {
	once   sync.Once
	mapper meta.RESTMapper
	err    error
}

// restMapper is what all clients in this process share: it knows what is built in, and asks discovery for the rest.
func (c *controlPlane) restMapper() (meta.RESTMapper, error) {
	c.mapping.once.Do(func() {
		config := c.memoryConfig(managerIdentity())
		dynamic, err := apiutil.NewDynamicRESTMapper(config, &http.Client{Transport: config.Transport})
		if err != nil {
			c.mapping.err = fmt.Errorf("making a mapper of resources: %w", err)
			return
		}
		c.mapping.mapper = meta.FirstHitRESTMapper{MultiRESTMapper: meta.MultiRESTMapper{sharedNames(), dynamic}}
	})
	return c.mapping.mapper, c.mapping.err
}

// newMapper knows the resources that are built in, so that no client has to ask for them.
func newMapper(rows []*resource.Resource) meta.RESTMapper {
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
