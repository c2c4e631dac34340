package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/localcache"
	"github.com/coxswain-k8s/coxswain/cluster/foundation"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
	"github.com/coxswain-k8s/coxswain/cluster/recorders"
	"github.com/coxswain-k8s/coxswain/cluster/serving"
	"github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/controllers"
	"github.com/coxswain-k8s/coxswain/controllers/cloud"
	"github.com/coxswain-k8s/coxswain/kubelet/simulated"
	"github.com/coxswain-k8s/coxswain/scheduler"
	"github.com/coxswain-k8s/coxswain/scheduler/config"
)

// newParts sets everything up that can be set up before it runs, so that what is wrong with it is known before the
// cluster is said to be ready.
func newParts(ctx context.Context, plane *controlPlane) (*parts.All, error) {
	shared, err := plane.newCache()
	if err != nil {
		return nil, err
	}
	components, err := newComponents(ctx, plane, shared)
	return &parts.All{Caches: []cache.Cache{shared}, Parts: components, Failed: plane.failed}, err
}

// newComponents lists what runs beside the control plane and reads from the shared cache.
func newComponents(ctx context.Context, plane *controlPlane, shared cache.Cache) ([]parts.Part, error) {
	var parts []parts.Part
	if plane.options.Enabled(Controllers) {
		part, err := plane.led(ctx, shared, controllerSeat(), plane.newControllers)
		if err != nil {
			return nil, fmt.Errorf("setting up the controllers: %w", err)
		}
		parts = append(parts, plane.controlling.of(part))
	}
	if plane.options.CloudsHere() {
		part, err := plane.led(ctx, shared, cloudControllerSeat(), plane.newCloudControllers)
		if err != nil {
			return nil, fmt.Errorf("setting up the cloud controllers: %w", err)
		}
		parts = append(parts, part)
	}
	if plane.options.Enabled(Scheduler) {
		part, err := plane.led(ctx, shared, schedulerSeat(), plane.newScheduler)
		if err != nil {
			return nil, fmt.Errorf("setting up the scheduler: %w", err)
		}
		parts = append(parts, plane.binding.of(part))
	}
	if plane.options.Enabled(Agent) {
		more, err := plane.newLocalNode(shared)
		if err != nil {
			return nil, fmt.Errorf("setting up the node: %w", err)
		}
		parts = append(parts, more...)
	}
	if plane.options.SimulatedNodes > 0 {
		part, err := plane.newSimulatedNodes(shared)
		if err != nil {
			return nil, fmt.Errorf("setting up simulated nodes: %w", err)
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// newCache is the informers that all parts share: they show the objects of the watch cache itself.
func (c *controlPlane) newCache() (cache.Cache, error) {
	mapper, err := c.inProcess.Mapper()
	if err != nil {
		return nil, err
	}
	source := localcache.Source{Cache: c.cache, Rows: c.rows}
	return localcache.New(source, c.inProcess.Config(identity.Manager()), cache.Options{Scheme: c.inProcess.Scheme, Mapper: mapper})
}

// newLocalNode lists the parts of the node on the server's own machine. They share the server's cache, which shows them the
// objects of the watch cache itself; what they write they write as themselves.
func (c *controlPlane) newLocalNode(shared cache.Cache) ([]parts.Part, error) {
	access := &node.Access{
		Scheme: c.inProcess.Scheme, ClientCAs: c.certificates.Authority.Pool(),
		Serving: c.certificates.Kubelet.Serving,
	}
	access.Pages = serving.KubeletPages(c.options.FeatureGates, c.options.Flags)
	var err error
	if access.Kubelet.Client, err = c.inProcess.Client(identity.Node(c.options.NodeName), shared); err != nil {
		return nil, err
	}
	if access.Proxy.Client, err = c.inProcess.Client(identity.Proxy(), shared); err != nil {
		return nil, err
	}
	if access.DNS.Client, err = c.inProcess.Client(identity.DNS(), nil); err != nil {
		return nil, err
	}
	access.Kubelet.Cache, access.Proxy.Cache, access.DNS.Cache = shared, shared, shared
	_, parts, err := node.New(&c.options.NodeOptions, &c.options.Shared, access)
	return parts, err
}

// newControllers is the controller manager.
func (c *controlPlane) newControllers(ctx context.Context, shared cache.Cache) (parts.Part, error) {
	mgr, err := c.newManager(ctx, "controllers", shared)
	if err != nil {
		return parts.Part{}, err
	}
	actors := recorders.NewActors(ctx, &c.inProcess, shared)
	signer := &controllers.Signer{Certificate: c.certificates.Authority.Certificate, Key: c.certificates.Authority.Key, MaxTTL: c.options.SigningDuration.Duration}
	err = controllers.Register(mgr, c.options.Tuned(controllers.Deps{
		RootCA: c.certificates.Authority.CertPEM, ClusterCIDRs: []string{c.options.ClusterCIDR}, ClientSigner: signer, ServingSigner: signer, ServerNode: c.options.NodeName,
		LegacyToken: c.legacyToken(), Access: actors.Access, NodeGracePeriod: c.options.NodeMonitorGracePeriod.Duration, Disabled: c.options.DisabledControllers,
		Metrics: c.counting, StorageMigration: foundation.Migrates(c.options),
	}))
	return parts.Part{Name: "controllers", Run: func(ctx context.Context) error {
		defer actors.Stop()
		return manage(ctx, mgr, shared)
	}}, err
}

// newCloudControllers is the cloud controller manager.
func (c *controlPlane) newCloudControllers(ctx context.Context, shared cache.Cache) (parts.Part, error) {
	mgr, err := c.newManager(ctx, CloudControllers, shared)
	if err != nil {
		return parts.Part{}, err
	}
	provider := c.options.Cloud
	if provider == nil {
		provider = &cloud.Local{Reader: mgr.GetClient()}
	}
	actors := recorders.NewActors(ctx, &c.inProcess, shared)
	deps := controllers.Deps{Access: actors.Access, Cloud: provider, ClusterCIDRs: []string{c.options.ClusterCIDR}, Disabled: c.options.DisabledControllers}
	err = controllers.RegisterCloud(mgr, c.options.Tuned(deps))
	return parts.Part{Name: CloudControllers, Run: func(ctx context.Context) error {
		defer actors.Stop()
		return manage(ctx, mgr, shared)
	}}, err
}

// manage runs a manager on informers that somebody else runs. It is not begun before they are there: told to end while it waits for them,
// a manager takes a whole core until they are.
func manage(ctx context.Context, mgr manager.Manager, shared cache.Cache) error {
	if !shared.WaitForCacheSync(ctx) {
		return nil
	}
	return mgr.Start(ctx)
}

// newManager runs controllers on the shared informers.
func (c *controlPlane) newManager(ctx context.Context, name string, shared cache.Cache) (manager.Manager, error) {
	who := identity.Manager()
	return ctrl.NewManager(c.inProcess.Config(who), manager.Options{
		Scheme: c.inProcess.Scheme, Logger: log.FromContext(ctx).WithName(name).V(1), Metrics: server.Options{BindAddress: "0"},
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return c.inProcess.Mapper() },
		NewCache:       func(*rest.Config, cache.Options) (cache.Cache, error) { return borrowed{shared}, nil },
		NewClient:      func(*rest.Config, client.Options) (client.Client, error) { return c.inProcess.Client(who, shared) },
	})
}

// borrowed is a cache that somebody else runs.
type borrowed struct{ cache.Cache }

// Start implements cache.Cache: it only waits, for the owner starts the cache.
func (b borrowed) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// newScheduler tells what it has decided to whoever asks why, while it runs.
func (c *controlPlane) newScheduler(_ context.Context, shared cache.Cache) (parts.Part, error) {
	writer, err := c.inProcess.Client(identity.Scheduler(), shared)
	if err != nil {
		return parts.Part{}, err
	}
	configuration := config.Default()
	if file := c.options.SchedulerConfig; file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return parts.Part{}, fmt.Errorf("reading --scheduler-config: %w", err)
		}
		if configuration, err = config.Read(data); err != nil {
			return parts.Part{}, fmt.Errorf("--scheduler-config=%s: %w", file, err)
		}
	}
	return parts.Part{Name: "scheduler", Run: func(ctx context.Context) error {
		told, err := recorders.NewProfiles(ctx, writer, c.inProcess.Scheme)
		if err != nil {
			return err
		}
		defer told.Stop() // when no more pods are bound
		s := &scheduler.Scheduler{
			Client: writer, Cache: shared, Config: c.inProcess.Config(identity.Scheduler()), Clock: clock.RealClock{},
			OutOfTree: c.options.SchedulerPlugins, Configuration: configuration, Metrics: c.scheduling,
			Recorder: told.Recorder,
		}
		c.explainer.Use(s)
		defer c.explainer.Use(nil)
		return s.Run(ctx)
	}}, nil
}

// newSimulatedNodes act in the name of all nodes at a time, whatever the modes of authorization are.
func (c *controlPlane) newSimulatedNodes(shared cache.Cache) (parts.Part, error) {
	writer, err := c.inProcess.Client(identity.Of("coxswain:simulated-nodes", user.SystemPrivilegedGroup), shared)
	if err != nil {
		return parts.Part{}, err
	}
	nodes := &simulated.Nodes{
		Client: writer, Cache: shared, Clock: clock.RealClock{}, Count: c.options.SimulatedNodes,
		Network: options.Prefixes(c.options.ClusterCIDR)[0], Version: version.Version,
	}
	return parts.Part{Name: "simulated nodes", Run: func(ctx context.Context) error { return nodes.Run(ctx) }}, nil
}

// presence says whether a part is running, or waiting for its turn to lead.
type presence struct{ running atomic.Bool }

// of returns the part that its presence is known of.
func (p *presence) of(part parts.Part) parts.Part {
	run := part.Run
	part.Run = func(ctx context.Context) error {
		p.running.Store(true)
		defer p.running.Store(false)
		return run(ctx)
	}
	return part
}

func (p *presence) check(context.Context) (string, error) {
	if !p.running.Load() {
		return "", errors.New("it is not running")
	}
	return "ok", nil
}

// The ports of upstream's programs.
const (
	managerPort   = 10257
	schedulerPort = 10259
)

// components are the scheduler and the controllers, for ComponentStatuses: those in this process, or in upstream's place beside it.
func (c *controlPlane) components() []apiserver.Component {
	one := func(name string, here bool, own *presence, port int) apiserver.Component {
		if here {
			return apiserver.Component{Name: name, Check: own.check}
		}
		return apiserver.Component{Name: name, Check: serving.Neighbour{Port: port}.Check}
	}
	return []apiserver.Component{
		one("scheduler", c.options.Enabled(Scheduler), &c.binding, schedulerPort),
		one("controller-manager", c.options.Enabled(Controllers), &c.controlling, managerPort),
	}
}
