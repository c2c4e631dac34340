package scheduler

import (
	"context"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/config"
	"github.com/coxswain-k8s/coxswain/scheduler/crew"
	"github.com/coxswain-k8s/coxswain/scheduler/memo"
	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler/nominated"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/dynamicresources"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/noderesources"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/queue"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// maxBinding bounds the bindings that call the API at the same time; those that wait for volumes do not count.
const maxBinding = 64

// Scheduler places pods on nodes. Its exported fields are its inputs.
type Scheduler struct {
	Client client.Client
	Cache  cache.Cache
	Config *rest.Config
	// Recorder makes what records events as a profile of that name.
	Recorder func(profile string) events.EventRecorderLogger
	Clock    clock.WithTickerAndDelayedExecution
	// Registry of plugins; default plugins.All.
	Registry plugins.Registry
	// OutOfTree are plugins of others beside those of Registry, under names of their own.
	OutOfTree plugins.Registry
	// Configuration; default config.Default.
	Configuration *config.Config
	// Metrics count what is done; nil for none.
	Metrics *metrics.Metrics

	state     *state.State
	queue     *queue.Queue
	hints     map[string][]fwk.ClusterEventWithHint // what may help, by plugin
	profiles  map[string]*profile.Profile
	handles   map[string]*handle
	waiting   waitingPods
	nominated nominated.Pods
	binding   crew.Crew
	slots     chan struct{}
	cancels   sync.Map // UID of a pod that is being bound -> context.CancelFunc
	next      int      // node that the next search starts at
	attempts  uint64
	memos     *memo.Book
	room      workspace
	extenders []fwk.Extender

	explaining sync.Mutex // held by Explain, so that a cycle waits for one of them at most
	turn       sync.Mutex // held by a cycle, and by Explain while it asks the plugins
	running    bool
}

// Run schedules until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	if err := s.init(ctx); err != nil {
		return fmt.Errorf("setting up the scheduler: %w", err)
	}
	defer s.Metrics.Follow(nil) // whoever does not lead counts nothing
	unregister, err := s.watch(ctx)
	if err != nil {
		return fmt.Errorf("watching the cluster: %w", err)
	}
	defer unregister()
	defer s.binding.Wait()
	s.turn.Lock()
	s.queue.Eager, s.running = true, true
	s.turn.Unlock()
	for {
		pod := s.queue.Pop(ctx)
		if pod == nil {
			return nil
		}
		s.turn.Lock()
		s.scheduleOne(ctx, pod)
		s.turn.Unlock()
	}
}

func (s *Scheduler) init(ctx context.Context) error {
	if s.Registry == nil {
		s.Registry = plugins.All(plugins.Deps{
			Client: s.Client, Clock: s.Clock, Informers: s.Cache, Go: s.beside,
			Retry: func(uid types.UID) { s.queue.Retry(uid) }, Metrics: s.Metrics,
			Hold: s.hold, Release: func(uid types.UID, failed bool) { s.queue.Release(uid, failed) },
		})
	}
	for name, factory := range s.OutOfTree {
		if s.Registry[name] != nil {
			return fmt.Errorf("a plugin %q is there already: one that is compiled in needs a name of its own", name)
		}
		s.Registry[name] = factory
	}
	if s.Configuration == nil {
		s.Configuration = config.Default()
	}
	s.state, s.memos = state.New(), memo.NewBook(s.Clock, s.Metrics)
	s.slots = make(chan struct{}, maxBinding)
	s.profiles, s.handles = map[string]*profile.Profile{}, map[string]*handle{}
	hints := map[string][]fwk.ClusterEventWithHint{}
	var less fwk.LessFunc
	for _, wanted := range s.Configuration.Profiles {
		p, err := s.newProfile(ctx, wanted)
		if err != nil {
			return fmt.Errorf("initializing profiles: creating profile for scheduler name %s: %w", wanted.Name, err)
		}
		s.profiles[wanted.Name], less = p, p.Less()
		more, err := p.Hints(ctx)
		if err != nil {
			return err
		}
		maps.Copy(hints, more)
	}
	if err := s.newExtenders(ctx, hints); err != nil {
		return fmt.Errorf("couldn't build extenders: %w", err)
	}
	s.hints = hints
	s.queue = &queue.Queue{
		Clock: s.Clock, Less: less, Hints: hints, Gate: s.gate, InitialBackoff: s.Configuration.InitialBackoff, MaxBackoff: s.Configuration.MaxBackoff,
		Incoming: s.Metrics.Incoming, Screen: s.screen,
	}
	s.queue.Init()
	s.Metrics.Follow(s.read)
	return nil
}

func (s *Scheduler) newProfile(ctx context.Context, wanted config.Profile) (*profile.Profile, error) {
	h := &handle{Pods: &s.nominated, scheduler: s, name: wanted.Name, percentage: wanted.Percentage, recorder: s.Recorder(wanted.Name)}
	if err := wanted.Plugins.Check(func(name string) bool { return s.Registry[name] != nil }); err != nil {
		return nil, err
	}
	made := map[string]fwk.Plugin{}
	for _, name := range wanted.Plugins.Names() {
		plugin, err := s.Registry[name](ctx, wanted.Arguments[name], h)
		if err != nil {
			return nil, fmt.Errorf("initializing plugin %q: %w", name, err)
		}
		made[name] = plugin
	}
	p, err := profile.New(wanted.Name, made, wanted.Plugins)
	if err == nil && s.Metrics != nil {
		p.Watch = s.Metrics.Plugin
	}
	h.fit, _ = made[noderesources.FitName].(*noderesources.Fit)
	h.devices, _ = made[dynamicresources.Name].(*dynamicresources.Plugin)
	h.profile, s.handles[wanted.Name] = p, h
	return p, err
}

// gate returns the name of the plugin that holds a pod back from the queue.
func (s *Scheduler) gate(ctx context.Context, pod *corev1.Pod) string {
	p, began := s.profiles[pod.Spec.SchedulerName], s.Clock.Now()
	by := p.PreEnqueue(ctx, pod)
	var status *fwk.Status
	if by != "" {
		status = fwk.NewStatus(fwk.UnschedulableAndUnresolvable)
	}
	s.measure("PreEnqueue", p, began, status)
	return by
}
