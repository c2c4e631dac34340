package config

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
)

// Config is what a scheduler is to do.
type Config struct {
	Profiles []Profile
	// InitialBackoff and MaxBackoff are how long a pod that was not scheduled waits, at first and at most; default 1 s and 10 s.
	InitialBackoff, MaxBackoff time.Duration
	// Extenders are asked by HTTP beside the plugins of all profiles.
	Extenders []schedulerv1.Extender
}

// Profile serves the pods that ask for its name.
type Profile struct {
	Name string
	// Percentage of all nodes that are enough to choose from; 0 for the default, which depends on how many there are.
	Percentage int
	Plugins    profile.Set
	// Arguments of plugins, by their names.
	Arguments map[string]runtime.Object
}

// Default is a scheduler without configuration.
func Default() *Config {
	return &Config{Profiles: []Profile{{Name: corev1.DefaultSchedulerName, Plugins: profile.Set{Multi: plugins.Default()}}}}
}

// Read reads a KubeSchedulerConfiguration in YAML or JSON. Unknown fields are errors.
func Read(data []byte) (*Config, error) {
	from, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("reading KubeSchedulerConfiguration: %w", err)
	}
	if len(from.Profiles) == 0 {
		from.Profiles = []schedulerv1.KubeSchedulerProfile{{}}
	}
	if len(from.Profiles) == 1 && from.Profiles[0].SchedulerName == nil {
		from.Profiles[0].SchedulerName = ptr.To(corev1.DefaultSchedulerName)
	}
	for i := range from.Profiles {
		for j := range from.Profiles[i].PluginConfig {
			setDefaults(from.Profiles[i].PluginConfig[j].Args.Object)
		}
	}
	if errs := validate(from); len(errs) > 0 {
		return nil, fmt.Errorf("reading KubeSchedulerConfiguration: %w", errs.ToAggregate())
	}
	c := &Config{
		InitialBackoff: time.Duration(ptr.Deref(from.PodInitialBackoffSeconds, 1)) * time.Second,
		MaxBackoff:     time.Duration(ptr.Deref(from.PodMaxBackoffSeconds, 10)) * time.Second,
		Extenders:      from.Extenders,
	}
	for i := range from.Profiles {
		given := &from.Profiles[i]
		p := Profile{
			Name: *given.SchedulerName, Plugins: setOf(given.Plugins), Arguments: arguments(given.PluginConfig),
			Percentage: int(ptr.Deref(given.PercentageOfNodesToScore, ptr.Deref(from.PercentageOfNodesToScore, 0))),
		}
		if fit, ok := p.Arguments["NodeResourcesFit"].(*schedulerv1.NodeResourcesFitArgs); ok {
			if errs := validateFit(fit); len(errs) > 0 {
				return nil, fmt.Errorf(`reading KubeSchedulerConfiguration: initializing profiles: creating profile for scheduler name %s: initializing plugin "NodeResourcesFit": %w`, p.Name, errs.ToAggregate())
			}
		}
		ignore(p.Arguments, from.Extenders)
		c.Profiles = append(c.Profiles, p)
	}
	return c, nil
}

// setOf are the default plugins with what is said of them.
func setOf(given *schedulerv1.Plugins) profile.Set {
	if given == nil {
		given = &schedulerv1.Plugins{}
	}
	set := profile.Set{Multi: merged(plugins.Default(), given.MultiPoint), Points: map[string]profile.PointSet{}}
	for name, point := range map[string]schedulerv1.PluginSet{
		"preEnqueue": given.PreEnqueue, "queueSort": given.QueueSort, "preFilter": given.PreFilter, "filter": given.Filter, "postFilter": given.PostFilter,
		"preScore": given.PreScore, "score": given.Score, "reserve": given.Reserve, "permit": given.Permit, "preBind": given.PreBind, "bind": given.Bind, "postBind": given.PostBind,
	} {
		if len(point.Enabled)+len(point.Disabled) > 0 {
			set.Points[name] = profile.PointSet{Enabled: enabled(point.Enabled), Disabled: names(point.Disabled)}
		}
	}
	return set
}

// merged are the defaults that are left on, with the weights that are given for some of them, and behind them what is given besides.
func merged(defaults []profile.Enabled, given schedulerv1.PluginSet) []profile.Enabled {
	own := enabled(given.Enabled)
	off := names(given.Disabled)
	var all []profile.Enabled
	for _, e := range defaults {
		at := slices.IndexFunc(own, func(o profile.Enabled) bool { return o.Name == e.Name })
		switch {
		case slices.Contains(off, e.Name) || slices.Contains(off, "*"):
		case at >= 0:
			all = append(all, own[at])
			own = slices.Delete(own, at, at+1)
		default:
			all = append(all, e)
		}
	}
	return append(all, own...)
}

func enabled(given []schedulerv1.Plugin) []profile.Enabled {
	var all []profile.Enabled
	for _, p := range given {
		all = append(all, profile.Enabled{Name: p.Name, Weight: int64(ptr.Deref(p.Weight, 0))})
	}
	return all
}

func names(given []schedulerv1.Plugin) []string {
	var all []string
	for _, p := range given {
		all = append(all, p.Name)
	}
	return all
}
