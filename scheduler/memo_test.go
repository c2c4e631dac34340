package scheduler

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/scheduler/memo"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/interpodaffinity"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodedeclaredfeatures"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// What is remembered of nodes is what the plugins would say if they were asked again.
func TestRemembersTheTruth(t *testing.T) {
	f := newFixture(t)
	random := rand.New(rand.NewPCG(3, 4))
	p := f.profiles[corev1.DefaultSchedulerName]
	h := f.handles[corev1.DefaultSchedulerName]
	for step := range 600 {
		name := fmt.Sprint("n", random.IntN(8))
		switch random.IntN(7) {
		case 6: // somebody is expected there, the one that is asked about among others, or nowhere any more
			expected := pod([]string{"asked", "e1", "e2", "e3"}[random.IntN(4)], fmt.Sprint(1+random.IntN(3)))
			expected.Spec.Priority = ptr.To(int32(random.IntN(3) * 10)) //nolint:gosec // small
			node := &fwk.NominatingInfo{NominatingMode: fwk.ModeOverride, NominatedNodeName: []string{name, ""}[random.IntN(2)]}
			f.nominated.AddNominatedPod(klog.Background(), state.NewPodInfo(expected), node)
		case 0:
			n := node(name)
			n.Spec.Unschedulable = random.IntN(3) == 0
			n.Labels = map[string]string{"disk": []string{"ssd", "hdd"}[random.IntN(2)]}
			f.state.SetNode(n)
		case 1:
			f.state.RemoveNode(name)
		case 2:
			f.state.RemovePod(pod(fmt.Sprint("p", random.IntN(20)), "1").UID)
		default:
			other := pod(fmt.Sprint("p", random.IntN(20)), fmt.Sprint(random.IntN(8)*100, "m"))
			other.Spec.NodeName = name
			f.state.SetPod(other)
		}
		asked := pod("asked", fmt.Sprint(1+random.IntN(3)*400, "m"))
		asked.Spec.Priority = ptr.To(int32(random.IntN(2) * 10)) //nolint:gosec // small
		if random.IntN(2) == 0 {
			asked.Spec.NodeSelector = map[string]string{"disk": "ssd"}
		}
		h.snapshot = f.state.Snapshot()
		all, err := h.snapshot.List()
		if err != nil || len(all) == 0 {
			continue
		}
		cycle, info := &profile.CycleState{}, state.NewPodInfo(asked)
		if _, _, status := p.PreFilter(t.Context(), cycle, asked, all); !status.IsSuccess() {
			t.Fatal(status)
		}
		look := &search{Profile: p, cycle: cycle, pod: asked, memo: f.memos.Of(p, h.snapshot, info, cycle.Local())}
		fitting, _ := f.filter(t.Context(), look, all)
		var got, want []string
		for _, n := range fitting {
			got = append(got, n.Node().Name)
		}
		for i := range all {
			if n := all[(f.next+i)%len(all)]; h.filter(t.Context(), cycle, asked, n).IsSuccess() {
				want = append(want, n.Node().Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("step %d: nodes that fit (-asked +remembered):\n%s", step, diff)
		}
		p.PreScore(t.Context(), cycle, asked, fitting)
		remembered, _ := p.Score(t.Context(), cycle, asked, fitting, profile.Known{Memory: look.memo.About(look.found), Room: &profile.Room{}})
		fresh, _ := p.Score(t.Context(), cycle, asked, fitting, profile.Known{Room: &profile.Room{}})
		if diff := cmp.Diff(fresh, remembered); diff != "" {
			t.Fatalf("step %d: scores (-asked +remembered):\n%s", step, diff)
		}
	}
}

// What is asked once for each value of a label is what the plugins say of each node, whether there are few values or many.
func TestLabelsSayWhatPluginsSayOfNodes(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(5, 6))} //nolint:gosec // it is to be repeated
	for _, nodes := range []int{7, state.FewValues + 20} {
		f := newFixture(t)
		positions := make([]int, nodes)
		for i := range nodes {
			f.state.SetNode(c.node(fmt.Sprint("n", i)))
			positions[i] = i
		}
		for step := range 150 {
			if c.of(0.2) {
				f.state.SetNode(c.node(fmt.Sprint("n", c.IntN(nodes))))
			}
			other := c.pod(fmt.Sprint("p", c.IntN(60)))
			other.Spec.NodeName = fmt.Sprint("n", c.IntN(nodes))
			f.state.SetPod(other)
			asked := c.pod("asked")
			for range c.IntN(3) {
				asked.Spec.TopologySpreadConstraints = append(asked.Spec.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
					MaxSkew: 2, TopologyKey: []string{c.key(), "disk"}[c.IntN(2)], WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: c.selector(),
				})
			}
			f.compare(fmt.Sprint(nodes, " nodes, step ", step), asked, positions)
		}
	}
}

// compare what is asked of labels with what is asked of each node.
func (f *fixture) compare(when string, asked *corev1.Pod, positions []int) {
	f.Helper()
	p, h, ctx := f.profiles[corev1.DefaultSchedulerName], f.handles[corev1.DefaultSchedulerName], f.Context()
	h.snapshot = f.state.Snapshot()
	all, err := h.snapshot.List()
	if err != nil {
		f.Fatal(err)
	}
	cycle := &profile.CycleState{}
	if _, _, status := p.PreFilter(ctx, cycle, asked, all); !status.IsSuccess() {
		f.Fatal(status)
	}
	for i, n := range all {
		want, got := p.Filter(ctx, cycle, asked, n), p.FilterLocal(ctx, cycle, asked, n)
		if got.IsSuccess() {
			got = p.FilterRest(ctx, cycle, asked, n, i)
		}
		if want.Code() != got.Code() || want.Message() != got.Message() || !want.IsSuccess() && want.Plugin() != got.Plugin() {
			f.Fatalf("%s: node %s: %v by its labels, %v by the plugins", when, n.Node().Name, got, want)
		}
	}
	if status := p.PreScore(ctx, cycle, asked, all); !status.IsSuccess() {
		f.Fatal(status)
	}
	got, _ := p.Score(ctx, cycle, asked, all, profile.Known{Room: &profile.Room{}, Positions: positions})
	want, _ := p.Score(ctx, cycle, asked, all, profile.Known{Room: &profile.Room{}})
	if diff := cmp.Diff(want, got); diff != "" {
		f.Fatalf("%s: scores (-by nodes +by labels):\n%s", when, diff)
	}
}

// Nodes that are narrowed to as many as there are come in another order: what is remembered of one is not taken for another's.
func TestRemembersTheTruthOfNarrowedNodes(t *testing.T) {
	f := newFixture(t)
	var all []corev1.NodeSelectorTerm
	for i := range memo.Few + 1 {
		n := node(string(rune('a' + i)))
		n.Labels, n.Spec.Unschedulable = map[string]string{corev1.LabelTopologyZone: "z1"}, true
		if i == 0 {
			n.Labels[corev1.LabelTopologyZone], n.Spec.Unschedulable = "z2", false
		}
		f.nodeAdded(n)
		all = append(all, named(n.Name))
	}
	for _, name := range []string{"first", "second"} {
		p := pod(name, "2")
		p.Spec.Affinity = onlyOn(all...)
		f.comes(p)
		f.tries()
	}
	f.same("node of the first", f.read("first").Spec.NodeName, "a")
	f.same("node of the second, which a has no room for", f.read("second").Spec.NodeName, "")
}

// Each pod of a DaemonSet is for one node: what that says is of no use to the next.
func TestRemembersNothingOfPodsForOneNode(t *testing.T) {
	f := newFixture(t)
	f.nodes("a", "b")
	for _, name := range []string{"a", "b"} {
		p := pod("on-"+name, "1")
		p.Spec.Affinity = onlyOn(named(name))
		f.comes(p)
		f.tries()
		f.same("node of "+p.Name, f.read(p.Name).Spec.NodeName, name)
	}
	if f.memos.Len() > 0 {
		t.Errorf("%d pods are remembered", f.memos.Len())
	}
}

func named(node string) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}}}
}

func onlyOn(terms ...corev1.NodeSelectorTerm) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms}}}
}

// A plugin in front of the local ones that has nothing to say of one pod and something of another changes who is asked first.
func TestRemembersTheTruthOfPodsThatOtherPluginsAreAskedAbout(t *testing.T) {
	f := newFixture(t)
	f.Configuration.Profiles[0].Plugins.Points = map[string]profile.PointSet{"filter": {Enabled: []profile.Enabled{{Name: interpodaffinity.Name}}}}
	if err := f.init(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.nodes("a")
	alone, other := pod("alone", "3"), pod("other", "3")
	alone.Labels = map[string]string{"app": "alone"}
	alone.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{
		{LabelSelector: &metav1.LabelSelector{MatchLabels: alone.Labels}, TopologyKey: corev1.LabelHostname},
	}}}
	for _, p := range []*corev1.Pod{alone, other} {
		f.comes(p)
		f.tries()
		f.same("node of "+p.Name+", which is too large for a", f.read(p.Name).Spec.NodeName, "")
	}
}

// Pods that differ in nothing but what they need of the kubelet are not taken for the same.
func TestRemembersWhatFeaturesPodsNeed(t *testing.T) {
	f := newFixture(t)
	restarts, shares := pod("restarts", "1"), pod("shares", "1")
	restarts.Spec.Containers[0].RestartPolicyRules = []corev1.ContainerRestartRule{{Action: corev1.ContainerRestartRuleActionRestartAllContainers}}
	shares.Spec.HostNetwork, shares.Spec.HostUsers = true, ptr.To(false)
	first, err := nodedeclaredfeatures.Of(restarts)
	if err != nil || len(first) != 1 {
		t.Fatal(first, err)
	}
	for _, name := range []string{"a", "b"} {
		n := node(name)
		n.Status.DeclaredFeatures = first
		f.nodeAdded(n)
	}
	f.comes(restarts)
	f.tries()
	if f.read("restarts").Spec.NodeName == "" {
		t.Error("the first is on no node")
	}
	f.comes(shares)
	f.tries()
	f.same("node of the second, which needs what none declares", f.read("shares").Spec.NodeName, "")
}
