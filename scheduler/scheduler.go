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

	"github.com/coxswain-k8s/coxswain/scheduler/plugins"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/queue"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// maxBinding bounds the bindings that call the API at the same time; those that wait for volumes do not count.
const maxBinding = 64

// Scheduler places pods on nodes. Its exported fields are its inputs.
type Scheduler struct {
	Client   client.Client
	Cache    cache.Cache
	Config   *rest.Config
	Recorder events.EventRecorderLogger
	Clock    clock.WithTickerAndDelayedExecution
	// Registry of plugins; default plugins.All.
	Registry plugins.Registry
	// Profiles by the name that pods ask for; default "default-scheduler" with plugins.Default.
	Profiles map[string][]plugins.Enabled

	state     *state.State
	queue     *queue.Queue
	hints     map[string][]fwk.ClusterEventWithHint // what may help, by plugin
	profiles  map[string]*profile.Profile
	handles   map[string]*handle
	waiting   waitingPods
	nominated nominations
	binding   sync.WaitGroup
	slots     chan struct{}
	cancels   sync.Map // UID of a pod that is being bound -> context.CancelFunc
	next      int      // node that the next search starts at
	memos     []*memo
}

// Run schedules until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	if err := s.init(ctx); err != nil {
		return fmt.Errorf("setting up the scheduler: %w", err)
	}
	unregister, err := s.watch(ctx)
	if err != nil {
		return fmt.Errorf("watching the cluster: %w", err)
	}
	defer unregister()
	defer s.binding.Wait()
	for {
		pod := s.queue.Pop(ctx)
		if pod == nil {
			return nil
		}
		s.scheduleOne(ctx, pod)
	}
}

func (s *Scheduler) init(ctx context.Context) error {
	if s.Registry == nil {
		s.Registry = plugins.All(plugins.Deps{
			Client: s.Client, Clock: s.Clock, Informers: s.Cache, Go: s.binding.Go,
			Retry: func(uid types.UID) { s.queue.Retry(uid) },
		})
	}
	if s.Profiles == nil {
		s.Profiles = map[string][]plugins.Enabled{corev1.DefaultSchedulerName: plugins.Default()}
	}
	s.state = state.New()
	s.slots = make(chan struct{}, maxBinding)
	s.profiles, s.handles = map[string]*profile.Profile{}, map[string]*handle{}
	hints := map[string][]fwk.ClusterEventWithHint{}
	var less fwk.LessFunc
	for name, enabled := range s.Profiles {
		p, err := s.newProfile(ctx, name, enabled)
		if err != nil {
			return err
		}
		s.profiles[name], less = p, p.Less()
		more, err := p.Hints(ctx)
		if err != nil {
			return err
		}
		maps.Copy(hints, more)
	}
	s.hints = hints
	s.queue = &queue.Queue{Clock: s.Clock, Less: less, Hints: hints, Gate: s.gate}
	s.queue.Init()
	return nil
}

func (s *Scheduler) newProfile(ctx context.Context, name string, enabled []plugins.Enabled) (*profile.Profile, error) {
	h := &handle{nominations: &s.nominated, scheduler: s, name: name}
	var weighted []profile.Weighted
	for _, e := range enabled {
		factory := s.Registry[e.Name]
		if factory == nil {
			return nil, fmt.Errorf("profile %q: there is no plugin %q", name, e.Name)
		}
		plugin, err := factory(ctx, nil, h)
		if err != nil {
			return nil, fmt.Errorf("profile %q: making plugin %q: %w", name, e.Name, err)
		}
		weighted = append(weighted, profile.Weighted{Plugin: plugin, Weight: e.Weight})
	}
	p, err := profile.New(name, weighted)
	h.profile, s.handles[name] = p, h
	return p, err
}

// gate returns the name of the plugin that holds a pod back from the queue.
func (s *Scheduler) gate(ctx context.Context, pod *corev1.Pod) string {
	return s.profiles[pod.Spec.SchedulerName].PreEnqueue(ctx, pod)
}
