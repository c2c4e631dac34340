package profile

import (
	"fmt"
	"slices"
	"sync/atomic"

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

// point is an extension point. add says whether the plugin implements it.
type point struct {
	name string
	add  func(p *Profile, plugin fwk.Plugin, weight int64) bool
}

func points() []point {
	return []point{
		{"preEnqueue", to(func(p *Profile) *[]fwk.PreEnqueuePlugin { return &p.preEnqueue })},
		{"queueSort", to(func(p *Profile) *[]fwk.QueueSortPlugin { return &p.queueSort })},
		{"preFilter", to(func(p *Profile) *[]fwk.PreFilterPlugin { return &p.preFilter })},
		{"filter", addFilter},
		{"postFilter", to(func(p *Profile) *[]fwk.PostFilterPlugin { return &p.postFilter })},
		{"preScore", to(func(p *Profile) *[]fwk.PreScorePlugin { return &p.preScore })},
		{"score", addScorer},
		{"reserve", to(func(p *Profile) *[]fwk.ReservePlugin { return &p.reserve })},
		{"permit", to(func(p *Profile) *[]fwk.PermitPlugin { return &p.permit })},
		{"preBind", to(func(p *Profile) *[]fwk.PreBindPlugin { return &p.preBind })},
		{"bind", to(func(p *Profile) *[]fwk.BindPlugin { return &p.bind })},
		{"postBind", to(func(p *Profile) *[]fwk.PostBindPlugin { return &p.postBind })},
	}
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
		first, multi, last := set.at(point.name)
		for at, list := range [][]Enabled{first, multi, last} {
			for _, e := range list {
				if !point.add(p, plugins[e.Name], e.Weight) && at != 1 {
					return nil, fmt.Errorf("profile %q: plugin %q does not extend the point %s", name, e.Name, point.name)
				}
			}
		}
	}
	for _, e := range set.Names() {
		if extensions, ok := plugins[e].(fwk.EnqueueExtensions); ok {
			p.enqueue = append(p.enqueue, extensions)
		}
	}
	if len(p.queueSort) != 1 || len(p.bind) == 0 {
		return nil, fmt.Errorf("profile %q: needs one QueueSort plugin and has %d, and at least one Bind plugin and has %d", name, len(p.queueSort), len(p.bind))
	}
	return p, nil
}
