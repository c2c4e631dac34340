package cluster

import (
	"context"
	"net/http"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	cloudprovider "k8s.io/cloud-provider"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coxswain-k8s/coxswain/controllers"
	"github.com/coxswain-k8s/coxswain/controllers/cloud"
)

// CloudOptions say what the cluster runs on.
type CloudOptions struct {
	// Cloud is the provider of load balancers, of what is known of nodes, and of routes. Whoever compiles one in initializes it. Default: the
	// nodes' own addresses are those of load balancers.
	Cloud cloudprovider.Interface `json:"-"`
}

// externalCloud is the NodeOptions.CloudProvider whose controllers run elsewhere.
const externalCloud = "external"

// cloudsHere says whether the controllers of clouds run in this process. A provider that was compiled in is here.
func (o *Options) cloudsHere() bool {
	return o.Enabled(CloudControllers) && (o.CloudProvider != externalCloud || o.Cloud != nil)
}

// newCloudControllers is the cloud controller manager.
func (c *controlPlane) newCloudControllers(ctx context.Context, shared cache.Cache) (component, error) {
	who := managerIdentity()
	mgr, err := ctrl.NewManager(c.memoryConfig(who), manager.Options{
		Scheme: c.scheme, Logger: log.FromContext(ctx).WithName(CloudControllers).V(1), Metrics: server.Options{BindAddress: "0"},
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return c.restMapper() },
		NewCache:       func(*rest.Config, cache.Options) (cache.Cache, error) { return borrowed{shared}, nil },
		NewClient:      func(*rest.Config, client.Options) (client.Client, error) { return c.client(who, shared) },
	})
	if err != nil {
		return component{}, err
	}
	provider := c.options.Cloud
	if provider == nil {
		provider = &cloud.Local{Reader: mgr.GetClient()}
	}
	actors := c.newActors(ctx, shared)
	err = controllers.RegisterCloud(mgr, controllers.Deps{Access: actors.access, Cloud: provider, ClusterCIDRs: []string{c.options.ClusterCIDR}, Disabled: c.options.DisabledControllers})
	return component{CloudControllers, func(ctx context.Context) error {
		defer actors.stop()
		return mgr.Start(ctx)
	}}, err
}
