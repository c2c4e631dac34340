package cluster

import (
	"context"
	"net/http"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coxswain-k8s/coxswain/controllers"
	"github.com/coxswain-k8s/coxswain/controllers/cloud"
)

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
