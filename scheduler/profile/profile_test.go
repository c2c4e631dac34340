package profile

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// plugin does what its fields say, and notes in log what it was asked.
type plugin struct {
	name                      string
	prefilter, prescore, kept *fwk.Status
	score                     int64
	log                       *[]string
}

func (p *plugin) Name() string                                 { return p.name }
func (p *plugin) Less(_, _ fwk.QueuedPodInfo) bool             { return false }
func (p *plugin) note(what string)                             { *p.log = append(*p.log, p.name+" "+what) }
func (p *plugin) ScoreExtensions() fwk.ScoreExtensions         { return nil }
func (p *plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

func (p *plugin) PreFilter(context.Context, fwk.CycleState, *corev1.Pod, []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	return nil, p.prefilter
}

func (p *plugin) Filter(context.Context, fwk.CycleState, *corev1.Pod, fwk.NodeInfo) *fwk.Status {
	p.note("filters")
	return nil
}

func (p *plugin) PreScore(context.Context, fwk.CycleState, *corev1.Pod, []fwk.NodeInfo) *fwk.Status {
	return p.prescore
}

func (p *plugin) Score(context.Context, fwk.CycleState, *corev1.Pod, fwk.NodeInfo) (int64, *fwk.Status) {
	return p.score, nil
}

func (p *plugin) Reserve(context.Context, fwk.CycleState, *corev1.Pod, string) *fwk.Status {
	p.note("reserves")
	return p.kept
}

func (p *plugin) Unreserve(context.Context, fwk.CycleState, *corev1.Pod, string) {
	p.note("gives back")
}

func (p *plugin) Bind(context.Context, fwk.CycleState, *corev1.Pod, string) *fwk.Status {
	p.note("binds")
	return p.kept
}

func run(t *testing.T, plugins ...*plugin) (*Profile, *[]string) {
	t.Helper()
	log := &[]string{}
	made, set := map[string]fwk.Plugin{}, Set{Points: map[string]PointSet{"queueSort": {Disabled: []string{"*"}, Enabled: []Enabled{{Name: plugins[0].name}}}}}
	for i, p := range plugins {
		p.log = log
		made[p.name] = p
		set.Multi = append(set.Multi, Enabled{Name: p.name, Weight: int64(i + 1)})
	}
	profile, err := New("test", made, set)
	if err != nil {
		t.Fatal(err)
	}
	return profile, log
}

func TestSkips(t *testing.T) {
	nodes := []fwk.NodeInfo{state.NewNodeInfo(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})}
	p, log := run(t,
		&plugin{name: "idle", score: 100, prefilter: fwk.NewStatus(fwk.Skip), prescore: fwk.NewStatus(fwk.Skip)},
		&plugin{name: "busy", score: 10}, &plugin{name: "weighty", score: 1})
	ctx, cycle, pod := t.Context(), &CycleState{}, &corev1.Pod{}
	if _, _, status := p.PreFilter(ctx, cycle, pod, nodes); !status.IsSuccess() {
		t.Fatal(status)
	}
	p.Filter(ctx, cycle, pod, nodes[0])
	if diff := cmp.Diff([]string{"busy filters", "weighty filters"}, *log); diff != "" {
		t.Errorf("a plugin that skips is left out (-want +got):\n%s", diff)
	}
	p.PreScore(ctx, cycle, pod, nodes)
	totals, status := p.Score(ctx, cycle, pod, nodes, Known{Room: &Room{}})
	if diff := cmp.Diff([]int64{2*10 + 3*1}, totals); diff != "" || !status.IsSuccess() {
		t.Errorf("weighted totals: %v (-want +got):\n%s", status, diff)
	}
}

func TestScoresHaveLimits(t *testing.T) {
	nodes := []fwk.NodeInfo{state.NewNodeInfo(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}})}
	p, _ := run(t, &plugin{name: "loud", score: 101})
	if _, status := p.Score(t.Context(), &CycleState{}, &corev1.Pod{}, nodes, Known{Room: &Room{}}); status.IsSuccess() || status.Plugin() != "loud" {
		t.Errorf("a score above the limit: %v", status)
	}
}

func TestReserveIsAllOrNothing(t *testing.T) {
	p, log := run(t, &plugin{name: "first"}, &plugin{name: "second", kept: fwk.NewStatus(fwk.Unschedulable, "no")})
	status := p.Reserve(t.Context(), &CycleState{}, &corev1.Pod{}, "a")
	if status.IsSuccess() || status.Plugin() != "second" {
		t.Errorf("the status is %v", status)
	}
	if diff := cmp.Diff([]string{"first reserves", "second reserves", "second gives back", "first gives back"}, *log); diff != "" {
		t.Errorf("the calls (-want +got):\n%s", diff)
	}
}

func TestFirstBinderThatDoesNotSkip(t *testing.T) {
	p, log := run(t, &plugin{name: "shy", kept: fwk.NewStatus(fwk.Skip)}, &plugin{name: "ready"}, &plugin{name: "late"})
	if status := p.Bind(t.Context(), &CycleState{}, &corev1.Pod{}, "a"); !status.IsSuccess() {
		t.Error(status)
	}
	if diff := cmp.Diff([]string{"shy binds", "ready binds"}, *log); diff != "" {
		t.Errorf("the calls (-want +got):\n%s", diff)
	}
}

func TestIncomplete(t *testing.T) {
	if _, err := New("empty", nil, Set{}); err == nil {
		t.Error("a profile that cannot bind is accepted")
	}
}

// order is which plugins a profile asks when it filters, scores and reserves.
func order(p *Profile) string {
	var filters, scores, reserves []string
	for _, plugin := range p.filter {
		filters = append(filters, plugin.Name())
	}
	for _, plugin := range p.score {
		scores = append(scores, fmt.Sprintf("%s*%d", plugin.Name(), plugin.weight))
	}
	for _, plugin := range p.reserve {
		reserves = append(reserves, plugin.Name())
	}
	return fmt.Sprint(filters, scores, reserves)
}

// What a point says of plugins of all points goes before these, what it says of others behind.
func TestArrangement(t *testing.T) {
	for _, c := range []struct {
		why    string
		points map[string]PointSet
		want   string
	}{
		{"no exceptions", nil, "[a b c] [a*1 b*2 c*3] [a b c]"},
		{"another weight comes first", map[string]PointSet{"score": {Enabled: []Enabled{{"c", 9}}}}, "[a b c] [c*9 a*1 b*2] [a b c]"},
		{"less", map[string]PointSet{"filter": {Disabled: []string{"b"}}, "reserve": {Disabled: []string{"*"}}}, "[a c] [a*1 b*2 c*3] []"},
		{"another order", map[string]PointSet{"filter": {Disabled: []string{"*"}, Enabled: []Enabled{{Name: "c"}, {Name: "a"}}}}, "[c a] [a*1 b*2 c*3] [a b c]"},
		{"disabled and enabled comes last", map[string]PointSet{"filter": {Disabled: []string{"b"}, Enabled: []Enabled{{Name: "b"}}}}, "[a c b] [a*1 b*2 c*3] [a b c]"},
	} {
		made := map[string]fwk.Plugin{}
		for _, name := range []string{"a", "b", "c"} {
			made[name] = &plugin{name: name}
		}
		set := Set{Multi: []Enabled{{"a", 0}, {"b", 2}, {"c", 3}}, Points: map[string]PointSet{"queueSort": {Disabled: []string{"b", "c"}}}}
		maps.Copy(set.Points, c.points)
		p, err := New("test", made, set)
		if err != nil {
			t.Fatal(err)
		}
		if got := order(p); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}

func TestArrangementsThatCannotBe(t *testing.T) {
	made := map[string]fwk.Plugin{"a": &plugin{name: "a"}, "b": &plugin{name: "b"}}
	for want, set := range map[string]Set{
		`only one queue sort plugin required for profile with scheduler name "test", but got 2`: {Multi: []Enabled{{Name: "a"}, {Name: "b"}}},
		`plugin "a" does not extend PostFilterPlugin plugin`:                                    {Multi: []Enabled{{Name: "a"}}, Points: map[string]PointSet{"postFilter": {Enabled: []Enabled{{Name: "a"}}}}},
		`at least one bind plugin is needed for profile with scheduler name "test"`:             {Multi: []Enabled{{Name: "a"}}, Points: map[string]PointSet{"bind": {Disabled: []string{"*"}}}},
	} {
		if _, err := New("test", made, set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
