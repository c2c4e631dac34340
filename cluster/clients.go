package cluster

import (
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver"
)

// memoryConfig is a client in this process: its requests are calls of the handler, made as u. Its speed is not
// limited; what it may do is.
func (c *controlPlane) memoryConfig(u user.Info) *rest.Config {
	return &rest.Config{
		Host: "http://coxswain", QPS: -1, Transport: &apiserver.Transport{Handler: c.handler, User: u}, UserAgent: "coxswain/" + u.GetName(), WarningHandler: rest.NoWarnings{},
		ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf, AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON},
	}
}

// client writes as u, and reads through reader if there is one.
func (c *controlPlane) client(u user.Info, reader client.Reader) (client.Client, error) {
	config := c.memoryConfig(u)
	options := client.Options{Scheme: c.scheme, Mapper: newMapper(c.rows), HTTPClient: &http.Client{Transport: config.Transport}}
	if reader != nil {
		options.Cache = &client.CacheOptions{Reader: reader}
	}
	made, err := client.New(config, options)
	if err != nil {
		return nil, fmt.Errorf("making a client for %s: %w", u.GetName(), err)
	}
	return made, nil
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
