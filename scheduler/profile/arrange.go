package profile

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
)

// Enabled is a plugin by name, and the weight of its scores; 0 is the default, 1.
type Enabled struct {
	Name   string
	Weight int64
}

// Set says which plugins are asked at which extension points, as Plugins of KubeSchedulerConfiguration does.
type Set struct {
	// Multi are asked at all points that they implement.
	Multi []Enabled
	// Points are what differs from that, by the names of the points: "filter", "score" ...
	Points map[string]PointSet
}

// PointSet is what differs at one point. Of Enabled, those that are in Multi too come before Multi's, with their own weight, and the
// others behind; Disabled takes some of Multi away ("*": all).
type PointSet struct {
	Enabled  []Enabled
	Disabled []string
}

// Names of all plugins of a set.
func (s Set) Names() []string {
	var names []string
	for _, e := range s.Multi {
		names = append(names, e.Name)
	}
	for _, point := range s.Points {
		for _, e := range point.Enabled {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// at are the plugins that are asked at a point, in that order. Those that the point itself names must implement it.
func (s Set) at(point string) (first, multi, last []Enabled) {
	this := s.Points[point]
	named := func(e Enabled) func(Enabled) bool { return func(other Enabled) bool { return other.Name == e.Name } }
	off := func(e Enabled) bool {
		return slices.Contains(this.Disabled, e.Name) || slices.Contains(this.Disabled, "*")
	}
	for _, e := range this.Enabled {
		if slices.ContainsFunc(s.Multi, named(e)) && !off(e) {
			first = append(first, e)
		} else {
			last = append(last, e)
		}
	}
	for _, e := range s.Multi {
		if !slices.ContainsFunc(this.Enabled, named(e)) && !off(e) {
			multi = append(multi, e)
		}
	}
	return first, multi, last
}

// point is an extension point, with the framework's word for plugins that extend it. add says whether the plugin does.
type point struct {
	name, kind string
	add        func(p *Profile, plugin fwk.Plugin, weight int64) bool
}

// points are in the order in which kube-scheduler looks for mistakes.
func points() []point {
	return []point{
		{"preFilter", "PreFilterPlugin", to(func(p *Profile) *[]fwk.PreFilterPlugin { return &p.preFilter })},
		{"filter", "FilterPlugin", addFilter},
		{"postFilter", "PostFilterPlugin", to(func(p *Profile) *[]fwk.PostFilterPlugin { return &p.postFilter })},
		{"reserve", "ReservePlugin", to(func(p *Profile) *[]fwk.ReservePlugin { return &p.reserve })},
		{"preScore", "PreScorePlugin", to(func(p *Profile) *[]fwk.PreScorePlugin { return &p.preScore })},
		{"score", "ScorePlugin", addScorer},
		{"preBind", "PreBindPlugin", to(func(p *Profile) *[]fwk.PreBindPlugin { return &p.preBind })},
		{"bind", "BindPlugin", to(func(p *Profile) *[]fwk.BindPlugin { return &p.bind })},
		{"postBind", "PostBindPlugin", to(func(p *Profile) *[]fwk.PostBindPlugin { return &p.postBind })},
		{"permit", "PermitPlugin", to(func(p *Profile) *[]fwk.PermitPlugin { return &p.permit })},
		{"preEnqueue", "PreEnqueuePlugin", to(func(p *Profile) *[]fwk.PreEnqueuePlugin { return &p.preEnqueue })},
		{"queueSort", "QueueSortPlugin", to(func(p *Profile) *[]fwk.QueueSortPlugin { return &p.queueSort })},
	}
}

// Check says what is wrong with a set before its plugins are made: there is one that exists says nothing of, or a weight below zero.
func (s Set) Check(exists func(plugin string) bool) error {
	for _, point := range points() {
		first, multi, last := s.at(point.name)
		for _, e := range slices.Concat(first, last, multi) {
			if !exists(e.Name) {
				return fmt.Errorf("%s %q does not exist", point.kind, e.Name)
			}
			if point.name == "score" && e.Weight < 0 {
				return errors.New("score plugins: total score of Score plugins could overflow")
			}
		}
	}
	return nil
}

func to[T any](list func(*Profile) *[]T) func(*Profile, fwk.Plugin, int64) bool {
	return func(p *Profile, plugin fwk.Plugin, _ int64) bool {
		t, ok := plugin.(T)
		if ok {
			*list(p) = append(*list(p), t)
		}
		return ok
	}
}

func addFilter(p *Profile, plugin fwk.Plugin, _ int64) bool {
	filter, ok := plugin.(fwk.FilterPlugin)
	if ok {
		p.filter = append(p.filter, filtering{filter, &atomic.Int64{}})
	}
	return ok
}

func addScorer(p *Profile, plugin fwk.Plugin, weight int64) bool {
	score, ok := plugin.(fwk.ScorePlugin)
	if ok {
		_, local := plugin.(Local)
		p.score = append(p.score, scorer{ScorePlugin: score, weight: max(weight, 1), local: local, final: score.ScoreExtensions() == nil, asked: &atomic.Int64{}})
	}
	return ok
}

// New arranges plugins, which are given by name, as the set says.
func New(name string, plugins map[string]fwk.Plugin, set Set) (*Profile, error) {
	p := &Profile{Name: name}
	for _, point := range points() {
		if err := p.arrange(point, plugins, set); err != nil {
			return nil, err
		}
	}
	for _, e := range set.Names() {
		if extensions, ok := plugins[e].(fwk.EnqueueExtensions); ok {
			p.enqueue = append(p.enqueue, extensions)
		}
	}
	if n := len(p.queueSort); n != 1 {
		return nil, fmt.Errorf("only one queue sort plugin required for profile with scheduler name %q, but got %d", name, n)
	}
	if len(p.bind) == 0 {
		return nil, fmt.Errorf("at least one bind plugin is needed for profile with scheduler name %q", name)
	}
	p.preparedFilter, p.preparedScore = make([]atomic.Int64, len(p.preFilter)), make([]atomic.Int64, len(p.preScore))
	return p, nil
}

// arrange adds the plugins of a point.
func (p *Profile) arrange(point point, plugins map[string]fwk.Plugin, set Set) error {
	first, multi, last := set.at(point.name)
	added := sets.New[string]()
	for at, list := range [][]Enabled{first, multi, last} {
		for _, e := range list {
			switch {
			case added.Has(e.Name):
				return fmt.Errorf("plugin %q already registered as %q", e.Name, point.kind)
			case point.add(p, plugins[e.Name], e.Weight):
				added.Insert(e.Name)
			case at != 1:
				return fmt.Errorf("plugin %q does not extend %s plugin", e.Name, point.kind)
			}
		}
	}
	return nil
}
