package cluster

import (
	"context"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/configuration"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/node"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/rbac"
)

// newAuthorizers are administrators, health checks, and then who the options say, in their order. A changed
// AuthorizationConfiguration replaces the last part.
func (c *controlPlane) newAuthorizers(ctx context.Context, roles *rbac.Authorizer, metrics *authmetrics.Metrics) (auth.Authorizers, error) {
	o := &c.options.Authorization
	chain := &configuration.Chain{Node: node.New(c.view), RBAC: roles, PolicyFile: o.PolicyFile, Clock: clock.RealClock{}, Metrics: metrics}
	config := o.Configuration()
	var content []byte
	if o.Config != "" {
		var err error
		if config, content, err = configuration.LoadAuthorization(o.Config); err != nil {
			return nil, err
		}
	}
	configured, err := chain.Build(config)
	if err != nil {
		return nil, err
	}
	current := &auth.Current{}
	current.Use(configured)
	if o.Config != "" {
		c.followAuthorization(ctx, chain, current, config, content)
	}
	return auth.Authorizers{auth.Masters{}, auth.HealthPaths, current}, nil
}

func (c *controlPlane) followAuthorization(ctx context.Context, chain *configuration.Chain, current *auth.Current, first *apiserver.AuthorizationConfiguration, content []byte) {
	file := &configuration.File{
		Path: c.options.Authorization.Config, Content: content, Clock: clock.RealClock{}, Metrics: chain.Metrics.AuthorizationConfiguration(),
		Apply: func(_ context.Context, data []byte) error {
			fresh, err := configuration.ParseAuthorization(data)
			if err != nil {
				return err
			}
			if err := configuration.Same(first, fresh); err != nil {
				return err
			}
			configured, err := chain.Build(fresh)
			if err != nil {
				return err
			}
			current.Use(configured)
			return nil
		},
	}
	file.Metrics.Use(content)
	c.run("authorization configuration", func() error { return file.Follow(ctx) })
}
