package plugins

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/imagelocality"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// scene is a cluster, and the pods that look for a node in it, each by itself.
type scene struct {
	// Objects of other kinds, as the API has them.
	Namespaces []*corev1.Namespace             `json:"namespaces"`
	Services   []*corev1.Service               `json:"services"`
	Classes    []*storagev1.StorageClass       `json:"classes"`
	Volumes    []*corev1.PersistentVolume      `json:"volumes"`
	Claims     []*corev1.PersistentVolumeClaim `json:"claims"`
	Drivers    []*storagev1.CSINode            `json:"drivers"`
	Nodes      []*corev1.Node                  `json:"nodes"`
	Placed     []*corev1.Pod                   `json:"placed"`
	Pods       []*corev1.Pod                   `json:"pods"`
}

// testHandle gives the plugins under test the nodes.
type testHandle struct {
	fwk.Handle
	snapshot *state.Snapshot
}

// SnapshotSharedLister implements fwk.Handle.
func (h testHandle) SnapshotSharedLister() fwk.SharedLister { return h.snapshot }

// TestDefaultProfile says for each pod of testdata/*.in.yaml what the default plugins say of each node, and compares
// that with *.out.txt. A new case is two files; -update writes the second.
func TestDefaultProfile(t *testing.T) {
	pairs.Each(t, "testdata/*.in.yaml", ".out.txt", func(t *testing.T, in []byte) []byte {
		var s scene
		if err := yaml.UnmarshalStrict(in, &s); err != nil {
			t.Fatal(err)
		}
		return []byte(s.play(t))
	})
}

// play lists verdicts: the refusal of a node, or what each plugin gives it and the weighted total.
func (s *scene) play(t *testing.T) string {
	cluster := state.New()
	for _, node := range s.Nodes {
		cluster.SetNode(node)
	}
	for _, pod := range s.Placed {
		pod.UID = types.UID(pod.Name)
		cluster.SetPod(pod)
	}
	snapshot := cluster.Snapshot()
	all, err := snapshot.List()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, pod := range s.Pods {
		fmt.Fprintf(&out, "%s\n", pod.Name)
		verdicts(t, &out, s.deps(), testHandle{snapshot: snapshot}, pod, all)
	}
	return out.String()
}

func objects[T client.Object](list []T) []client.Object {
	var all []client.Object
	for _, o := range list {
		all = append(all, o)
	}
	return all
}

// deps reads the scene.
func (s *scene) deps() Deps {
	api := fake.NewClientBuilder()
	for _, o := range slices.Concat(objects(s.Namespaces), objects(s.Services), objects(s.Classes), objects(s.Volumes), objects(s.Claims), objects(s.Drivers)) {
		api.WithObjects(o)
	}
	return Deps{Client: api.Build()}
}

func verdicts(t *testing.T, out *strings.Builder, deps Deps, handle fwk.Handle, pod *corev1.Pod, all []fwk.NodeInfo) {
	ctx, cycle := context.Background(), &profile.CycleState{}
	registry := All(deps)
	made := map[string]fwk.Plugin{}
	for _, e := range Default() {
		plugin, err := registry[e.Name](ctx, nil, handle)
		if err != nil {
			t.Fatal(err)
		}
		made[e.Name] = plugin
	}
	p, err := profile.New("default-scheduler", made, profile.Set{Multi: Default()})
	if err != nil {
		t.Fatal(err)
	}
	if gate := p.PreEnqueue(ctx, pod); gate != "" {
		fmt.Fprintf(out, "  held by %s\n", gate)
		return
	}
	if _, _, status := p.PreFilter(ctx, cycle, pod, all); !status.IsSuccess() {
		fmt.Fprintf(out, "  %s: %s\n", status.Code(), status.Message())
		return
	}
	var fitting []fwk.NodeInfo
	for _, node := range all {
		status := p.Filter(ctx, cycle, pod, node)
		if status.IsSuccess() {
			fitting = append(fitting, node)
			continue
		}
		fmt.Fprintf(out, "  %s: %s %s: %s\n", node.Node().Name, status.Plugin(), status.Code(), strings.Join(status.Reasons(), ", "))
	}
	if status := p.PreScore(ctx, cycle, pod, fitting); !status.IsSuccess() {
		t.Fatal(status.AsError())
	}
	for i, node := range fitting {
		var parts []string
		for _, e := range Default() {
			if scores := normalized(t, made[e.Name], cycle, pod, fitting); scores != nil && scores[i].Score != 0 {
				parts = append(parts, fmt.Sprintf("%d*%d %s", max(e.Weight, 1), scores[i].Score, e.Name))
			}
		}
		totals, status := p.Score(ctx, cycle, pod, fitting, profile.Known{Room: &profile.Room{}})
		if !status.IsSuccess() {
			t.Fatal(status.AsError())
		}
		fmt.Fprintf(out, "  %s: %d = %s\n", node.Node().Name, totals[i], strings.Join(parts, " + "))
	}
}

// normalized is what one plugin gives the nodes; nil if it does not score.
func normalized(t *testing.T, plugin fwk.Plugin, cycle *profile.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) fwk.NodeScoreList {
	scorer, ok := plugin.(fwk.ScorePlugin)
	if !ok || cycle.GetSkipScorePlugins().Has(plugin.Name()) {
		return nil
	}
	var scores fwk.NodeScoreList
	for _, node := range nodes {
		score, status := scorer.Score(context.Background(), cycle, pod, node)
		if !status.IsSuccess() {
			t.Fatal(status.AsError())
		}
		scores = append(scores, fwk.NodeScore{Name: node.Node().Name, Score: score})
	}
	if extensions := scorer.ScoreExtensions(); extensions != nil {
		extensions.NormalizeScore(context.Background(), cycle, pod, scores)
	}
	return scores
}

// The registry names every plugin of the default profile, and no event that a plugin waits for is empty.
func TestRegistry(t *testing.T) {
	registry := All(Deps{})
	for _, e := range Default() {
		factory := registry[e.Name]
		if factory == nil {
			t.Errorf("there is no plugin %q", e.Name)
			continue
		}
		plugin, err := factory(t.Context(), nil, testHandle{})
		if err != nil || plugin.Name() != e.Name {
			t.Errorf("plugin %q calls itself %q (%v)", e.Name, plugin.Name(), err)
		}
		waits, ok := plugin.(fwk.EnqueueExtensions)
		if _, filters := plugin.(fwk.FilterPlugin); filters && !ok {
			t.Errorf("%s refuses nodes and does not say what may help", e.Name)
		}
		if !ok {
			continue
		}
		events, err := waits.EventsToRegister(t.Context())
		if err != nil || len(events) == 0 {
			t.Errorf("%s waits for %v (%v)", e.Name, events, err)
		}
	}
	if _, ok := registry[imagelocality.Name]; !ok {
		t.Error("images do not count")
	}
}
