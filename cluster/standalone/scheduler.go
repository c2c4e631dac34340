package standalone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	typedeventsv1 "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/coxswain-k8s/coxswain/apis"
	servermetrics "github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler"
	"github.com/coxswain-k8s/coxswain/scheduler/config"
	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins"
)

// Scheduler is kube-scheduler. Fields have the names of upstream's flags.
type Scheduler struct {
	Program
	// Config is a file with a KubeSchedulerConfiguration, whose clientConnection and leaderElection count where flags say nothing.
	Config string
	// OutOfTree are plugins that are compiled in, beside the default ones.
	OutOfTree plugins.Registry

	informed atomic.Pointer[cache.Cache] // while it leads
}

// DefaultScheduler returns upstream's defaults.
func DefaultScheduler() *Scheduler {
	s := &Scheduler{Program: newProgram("kube-scheduler", 10259, 50, 100)}
	s.teller = corev1.DefaultSchedulerName
	return s
}

// Complete takes over what the configuration file says of connecting and leading, for the flags that given does not know of.
func (s *Scheduler) Complete(given func(flag string) bool) error {
	if s.Config == "" {
		return nil
	}
	data, err := os.ReadFile(s.Config)
	if err != nil {
		return fmt.Errorf("reading --config: %w", err)
	}
	file, err := config.ReadProcess(data)
	if err != nil {
		return fmt.Errorf("--config=%s: %w", s.Config, err)
	}
	for flag, take := range map[string]func(){
		"kubeconfig":                      func() { setTo(&s.Kubeconfig, file.Kubeconfig) },
		"kube-api-qps":                    func() { setTo(&s.QPS, file.QPS) },
		"kube-api-burst":                  func() { setTo(&s.Burst, int(file.Burst)) },
		"profiling":                       func() { s.Profiling = file.Profiling },
		"leader-elect":                    func() { s.LeaderElect = file.LeaderElect },
		"leader-elect-lease-duration":     func() { setTo(&s.LeaderElectLeaseDuration, file.LeaseDuration) },
		"leader-elect-renew-deadline":     func() { setTo(&s.LeaderElectRenewDeadline, file.RenewDeadline) },
		"leader-elect-retry-period":       func() { setTo(&s.LeaderElectRetryPeriod, file.RetryPeriod) },
		"leader-elect-resource-name":      func() { setTo(&s.LeaseName, file.LeaseName) },
		"leader-elect-resource-namespace": func() { setTo(&s.LeaseNamespace, file.LeaseNamespace) },
	} {
		if !given(flag) {
			take()
		}
	}
	return nil
}

// setTo sets what is said.
func setTo[T comparable](field *T, said T) {
	var nothing T
	if said != nothing {
		*field = said
	}
}

// Validate returns everything that is wrong with s.
func (s *Scheduler) Validate() error {
	_, err := s.configuration()
	return errors.Join(s.validate(), err)
}

func (s *Scheduler) configuration() (*config.Config, error) {
	if s.Config == "" {
		return config.Default(), nil
	}
	data, err := os.ReadFile(s.Config)
	if err != nil {
		return nil, fmt.Errorf("reading --config: %w", err)
	}
	made, err := config.Read(data)
	if err != nil {
		return nil, fmt.Errorf("--config=%s: %w", s.Config, err)
	}
	return made, nil
}

// Run serves, and schedules when it may, until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	if err := s.Validate(); err != nil {
		return err
	}
	config, err := s.config()
	if err != nil {
		return err
	}
	counting, counts := prometheus.NewRegistry(), metrics.New()
	if err := counting.Register(counts); err != nil {
		return err
	}
	asked := prometheus.NewRegistry()
	if err := asked.Register(metrics.Resources{Pods: s.eachPod}); err != nil {
		return err
	}
	s.Paths = map[string]http.Handler{"/metrics/resources": promhttp.HandlerFor(servermetrics.Levelled(asked), promhttp.HandlerOpts{MaxRequestsInFlight: 1})}
	return s.serve(ctx, config, counting, func(ctx context.Context) error { return s.lead(ctx, config, counts) })
}

// lead schedules until ctx ends, on informers that end after it.
func (s *Scheduler) lead(ctx context.Context, reach *rest.Config, counts *metrics.Metrics) error {
	configuration, err := s.configuration()
	if err != nil {
		return err
	}
	shared, writer, err := s.connect(reach)
	if err != nil {
		return err
	}
	s.informed.Store(&shared)
	defer s.informed.Store(nil)
	teller, err := typedeventsv1.NewForConfig(reach) // with a limit of its own
	if err != nil {
		return err
	}
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: teller})
	defer broadcaster.Shutdown()
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return err
	}
	one := &scheduler.Scheduler{
		Client: writer, Cache: shared, Config: reach, Clock: clock.RealClock{}, OutOfTree: s.OutOfTree, Configuration: configuration, Metrics: counts,
		Recorder: func(profile string) events.EventRecorderLogger {
			return broadcaster.NewRecorder(writer.Scheme(), profile)
		},
	}
	return over(ctx, shared, one.Run)
}

// connect makes informers, and a client that reads from them. Pods that have ended take no room on a node, and are not looked at.
func (s *Scheduler) connect(reach *rest.Config) (cache.Cache, client.Client, error) {
	caller, err := rest.HTTPClientFor(reach)
	if err != nil {
		return nil, nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(reach, caller)
	if err != nil {
		return nil, nil, err
	}
	scheme, options := apis.NewScheme(), informers()
	options.Scheme, options.Mapper, options.HTTPClient = scheme, mapper, caller
	alive := fields.AndSelectors(
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)), fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)))
	options.ByObject = map[client.Object]cache.ByObject{&corev1.Pod{}: {Field: alive}}
	shared, err := cache.New(reach, options)
	if err != nil {
		return nil, nil, err
	}
	writer, err := client.New(reach, client.Options{Scheme: scheme, Mapper: mapper, HTTPClient: caller, Cache: &client.CacheOptions{Reader: shared}})
	return shared, writer, err
}

// over runs something on informers until ctx ends. They end last.
func over(ctx context.Context, shared cache.Cache, run func(context.Context) error) error {
	outlasting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	all, running := errgroup.WithContext(ctx)
	var informing errgroup.Group
	failed := make(chan error, 1)
	informing.Go(func() error {
		err := shared.Start(outlasting)
		failed <- err
		return err
	})
	all.Go(func() error {
		select {
		case err := <-failed:
			return err
		case <-running.Done():
			return nil
		}
	})
	all.Go(func() error {
		if err := run(running); err != nil || ctx.Err() == nil {
			return errors.Join(errors.New("scheduling ended"), err)
		}
		return nil
	})
	err := all.Wait()
	end()
	return errors.Join(err, informing.Wait())
}

// eachPod are those that the informers show.
func (s *Scheduler) eachPod(yield func(*corev1.Pod) bool) {
	shared := s.informed.Load()
	if shared == nil {
		return
	}
	var pods corev1.PodList
	if err := (*shared).List(context.Background(), &pods, client.UnsafeDisableDeepCopy); err != nil {
		return // it has ended
	}
	for i := range pods.Items {
		if !yield(&pods.Items[i]) {
			return
		}
	}
}
