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

	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
	"github.com/coxswain-k8s/coxswain/cluster/recorders"
	"github.com/coxswain-k8s/coxswain/controllers"
	"github.com/coxswain-k8s/coxswain/controllers/cloud"
)

// newCloudControllers is the cloud controller manager.
func (c *controlPlane) newCloudControllers(ctx context.Context, shared cache.Cache) (parts.Part, error) {
	who := identity.Manager()
	mgr, err := ctrl.NewManager(c.inProcess.Config(who), manager.Options{
		Scheme: c.inProcess.Scheme, Logger: log.FromContext(ctx).WithName(CloudControllers).V(1), Metrics: server.Options{BindAddress: "0"},
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return c.inProcess.Mapper() },
		NewCache:       func(*rest.Config, cache.Options) (cache.Cache, error) { return borrowed{shared}, nil },
		NewClient:      func(*rest.Config, client.Options) (client.Client, error) { return c.inProcess.Client(who, shared) },
	})
	if err != nil {
		return parts.Part{}, err
	}
	provider := c.options.Cloud
	if provider == nil {
		provider = &cloud.Local{Reader: mgr.GetClient()}
	}
	actors := recorders.NewActors(ctx, &c.inProcess, shared)
	err = controllers.RegisterCloud(mgr, controllers.Deps{Access: actors.Access, Cloud: provider, ClusterCIDRs: []string{c.options.ClusterCIDR}, Disabled: c.options.DisabledControllers})
	return parts.Part{Name: CloudControllers, Run: func(ctx context.Context) error {
		defer actors.Stop()
		return mgr.Start(ctx)
	}}, err
}
