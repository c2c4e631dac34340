package plugins

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/defaultbinder"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/defaultpreemption"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/dynamicresources"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/imagelocality"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/interpodaffinity"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodeaffinity"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodedeclaredfeatures"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodename"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodeports"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/noderesources"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodeunschedulable"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodevolumelimits"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/podtopologyspread"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/prioritysort"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/schedulinggates"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/tainttoleration"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumebinding"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumerestrictions"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumezone"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
)

// Factory makes a plugin; arguments is nil when the configuration gives none.
type Factory func(ctx context.Context, arguments runtime.Object, handle fwk.Handle) (fwk.Plugin, error)

// Registry maps the names of plugins to what makes them.
type Registry map[string]Factory

// Deps is what plugins need beyond the framework's handle.
type Deps struct {
	// Client reads from informers and writes as the scheduler.
	Client client.Client
	Clock  clock.PassiveClock
	// Informers tell of changes of what Client reads.
	Informers cache.Informers
	// Go runs something beside the scheduling; there is a bound on how much, and the scheduler waits for it when it ends.
	Go func(func())
	// Retry has a pod tried again after its backoff.
	Retry func(types.UID)
	// Hold keeps a pod that is being tried from being tried again while its victims are evicted, until Release, which says whether that failed.
	Hold    func(uid types.UID, victims []types.UID)
	Release func(uid types.UID, failed bool)
	// Metrics count preemptions; nil for none.
	Metrics *metrics.Metrics
}

// All returns the plugins that come with the scheduler.
func All(deps Deps) Registry {
	devices := &dynamicresources.Ledger{Client: deps.Client, Informers: deps.Informers}
	return Registry{
		schedulinggates.Name:   simple(&schedulinggates.Plugin{}),
		prioritysort.Name:      simple(&prioritysort.Plugin{}),
		nodeunschedulable.Name: simple(&nodeunschedulable.Plugin{}),
		nodename.Name:          simple(&nodename.Plugin{}),
		tainttoleration.Name: func(_ context.Context, _ runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			return &tainttoleration.Plugin{Handle: handle}, nil
		},
		nodeaffinity.Name:          with(newNodeAffinity),
		nodeports.Name:             simple(&nodeports.Plugin{}),
		noderesources.FitName:      with(deps.newFit(devices)),
		noderesources.BalancedName: with(newBalanced),
		imagelocality.Name: func(_ context.Context, _ runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			return &imagelocality.Plugin{Handle: handle}, nil
		},
		volumerestrictions.Name: func(_ context.Context, _ runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			return &volumerestrictions.Plugin{Handle: handle, Client: deps.Client}, nil
		},
		nodevolumelimits.Name: func(ctx context.Context, _ runtime.Object, _ fwk.Handle) (fwk.Plugin, error) {
			plugin := &nodevolumelimits.Plugin{Client: deps.Client, Informers: deps.Informers}
			context.AfterFunc(ctx, plugin.Close)
			return plugin, nil
		},
		volumebinding.Name: with(func(_ fwk.Handle, args *schedulerv1.VolumeBindingArgs) (fwk.Plugin, error) {
			timeout := time.Duration(ptr.Deref(args.BindTimeoutSeconds, 0)) * time.Second
			return &volumebinding.Plugin{Client: deps.Client, Informers: deps.Informers, Timeout: timeout}, nil
		}),
		volumezone.Name: simple(&volumezone.Plugin{Client: deps.Client}),
		podtopologyspread.Name: with(func(handle fwk.Handle, args *schedulerv1.PodTopologySpreadArgs) (fwk.Plugin, error) {
			plugin := &podtopologyspread.Plugin{Handle: handle, Client: deps.Client}
			if args.DefaultingType == schedulerv1.ListDefaulting {
				plugin.Defaults = append([]corev1.TopologySpreadConstraint{}, args.DefaultConstraints...)
			}
			return plugin, nil
		}),
		interpodaffinity.Name: with(func(handle fwk.Handle, args *schedulerv1.InterPodAffinityArgs) (fwk.Plugin, error) {
			return &interpodaffinity.Plugin{
				Handle: handle, Client: deps.Client, HardWeight: ptr.Deref(args.HardPodAffinityWeight, 1), IgnorePreferred: args.IgnorePreferredTermsOfExistingPods,
			}, nil
		}),
		defaultpreemption.Name: with(func(handle fwk.Handle, args *schedulerv1.DefaultPreemptionArgs) (fwk.Plugin, error) {
			return &defaultpreemption.Plugin{
				Handle: handle, Client: deps.Client, Clock: deps.Clock, Go: deps.Go, Retry: deps.Retry, Hold: deps.Hold, Release: deps.Release, Metrics: deps.Metrics,
				MinCandidates: args.MinCandidateNodesAbsolute, MinCandidatesPercent: args.MinCandidateNodesPercentage,
			}, nil
		}),
		dynamicresources.Name: with(deps.newDynamicResources(devices)),
		defaultbinder.Name:    simple(&defaultbinder.Plugin{Client: deps.Client}),

		nodedeclaredfeatures.Name: simple(nodedeclaredfeatures.Plugin{}),
	}
}

// Default is the profile of a scheduler without configuration (KubeSchedulerConfiguration's MultiPoint defaults).
func Default() []profile.Enabled {
	return []profile.Enabled{
		{Name: schedulinggates.Name}, {Name: prioritysort.Name}, {Name: nodeunschedulable.Name}, {Name: nodename.Name},
		{Name: tainttoleration.Name, Weight: 3}, {Name: nodeaffinity.Name, Weight: 2}, {Name: nodeports.Name},
		{Name: noderesources.FitName, Weight: 1}, {Name: volumerestrictions.Name}, {Name: nodevolumelimits.Name},
		{Name: volumebinding.Name}, {Name: volumezone.Name}, {Name: podtopologyspread.Name, Weight: 2}, {Name: interpodaffinity.Name, Weight: 2},
		{Name: dynamicresources.Name, Weight: 2},
		{Name: defaultpreemption.Name}, {Name: noderesources.BalancedName, Weight: 1},
		{Name: imagelocality.Name, Weight: 1}, {Name: defaultbinder.Name}, {Name: nodedeclaredfeatures.Name},
	}
}

// simple is the factory of a plugin that needs nothing.
func simple(plugin fwk.Plugin) Factory {
	return func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return plugin, nil }
}
