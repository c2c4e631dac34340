package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coxswain-k8s/coxswain/apiserver/localcache"
	"github.com/coxswain-k8s/coxswain/controllers"
	"github.com/coxswain-k8s/coxswain/scheduler"
	"github.com/coxswain-k8s/coxswain/scheduler/config"
)

// component is one part beside the control plane. run returns when ctx ends, after everything it started has.
type component struct {
	name string
	run  func(ctx context.Context) error
}

// newComponents lists what runs beside the control plane and reads from the shared cache.
func newComponents(ctx context.Context, plane *controlPlane, shared cache.Cache) ([]component, error) {
	var parts []component
	if plane.options.Enabled(Controllers) {
		part, err := plane.led(ctx, shared, controllerSeat(), plane.newControllers)
		if err != nil {
			return nil, fmt.Errorf("setting up the controllers: %w", err)
		}
		parts = append(parts, part)
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
		parts = append(parts, part)
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
	mapper, err := c.restMapper()
	if err != nil {
		return nil, err
	}
	source := localcache.Source{Cache: c.cache, Rows: c.rows}
	return localcache.New(source, c.memoryConfig(managerIdentity()), cache.Options{Scheme: c.scheme, Mapper: mapper})
}

func (c *controlPlane) newControllers(ctx context.Context, shared cache.Cache) (component, error) {
	who := managerIdentity()
	mgr, err := ctrl.NewManager(c.memoryConfig(who), manager.Options{
		Scheme: c.scheme, Logger: log.FromContext(ctx).WithName("controllers").V(1), Metrics: server.Options{BindAddress: "0"},
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return c.restMapper() },
		NewCache:       func(*rest.Config, cache.Options) (cache.Cache, error) { return borrowed{shared}, nil },
		NewClient:      func(*rest.Config, client.Options) (client.Client, error) { return c.client(who, shared) },
	})
	if err != nil {
		return component{}, err
	}
	actors := c.newActors(ctx, shared)
	signer := &controllers.Signer{Certificate: c.certificates.authority.Certificate, Key: c.certificates.authority.Key, MaxTTL: c.options.SigningDuration.Duration}
	err = controllers.Register(mgr, controllers.Deps{
		RootCA: c.certificates.authority.CertPEM, ClusterCIDRs: []string{c.options.ClusterCIDR}, ClientSigner: signer, ServingSigner: signer, ServerNode: c.options.NodeName,
		LegacyToken: c.legacyToken(), Access: actors.access, NodeGracePeriod: c.options.NodeMonitorGracePeriod.Duration, Disabled: c.options.DisabledControllers,
		Metrics: c.counting, StorageMigration: c.migrates(),
	})
	return component{"controllers", func(ctx context.Context) error {
		defer actors.stop()
		return mgr.Start(ctx)
	}}, err
}

// borrowed is a cache that somebody else runs.
type borrowed struct{ cache.Cache }

// Start implements cache.Cache: it only waits, for the owner starts the cache.
func (b borrowed) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (c *controlPlane) newScheduler(_ context.Context, shared cache.Cache) (component, error) {
	writer, err := c.client(schedulerIdentity(), shared)
	if err != nil {
		return component{}, err
	}
	configuration := config.Default()
	if file := c.options.SchedulerConfig; file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return component{}, fmt.Errorf("reading --scheduler-config: %w", err)
		}
		if configuration, err = config.Read(data); err != nil {
			return component{}, fmt.Errorf("--scheduler-config=%s: %w", file, err)
		}
	}
	return component{"scheduler", func(ctx context.Context) error {
		broadcaster := events.NewBroadcaster(newEventSink(writer))
		defer broadcaster.Shutdown()
		if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
			return err
		}
		told := newNews(writer, clock.RealClock{})
		telling, untold := context.WithCancel(context.WithoutCancel(ctx))
		var last sync.WaitGroup
		last.Go(func() { told.run(telling) })
		defer last.Wait()
		defer untold() // when no more pods are bound
		s := &scheduler.Scheduler{
			Client: writer, Cache: shared, Config: c.memoryConfig(schedulerIdentity()), Clock: clock.RealClock{},
			OutOfTree: c.options.SchedulerPlugins, Configuration: configuration, Metrics: c.scheduling,
			Recorder: func(profile string) events.EventRecorderLogger {
				return newsRecorder{broadcaster.NewRecorder(c.scheme, profile), told, profile}
			},
		}
		c.explainer.Use(s)
		defer c.explainer.Use(nil)
		return s.Run(ctx)
	}}, nil
}
