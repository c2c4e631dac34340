// Package imagelocality prefers nodes that have the pod's images already, the more the larger the images.
package imagelocality

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// Name in configurations.
const Name = "ImageLocality"

// Images below the smallest size count nothing, those above the largest, for each container, count fully.
const (
	mb       = 1024 * 1024
	smallest = 23 * mb
	largest  = 1000 * mb
)

// Plugin implements Score.
type Plugin struct {
	Handle fwk.Handle
}

var (
	_ fwk.PreScorePlugin = &Plugin{}
	_ fwk.ScorePlugin    = &Plugin{}
)

// shares are the shares of nodes that have the images of the pod of this cycle.
type shares map[string]float64

// Clone implements fwk.StateData.
func (s shares) Clone() fwk.StateData { return s }

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreScore implements fwk.PreScorePlugin: images that no node has count nowhere.
func (p *Plugin) PreScore(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	snapshot := p.Handle.SnapshotSharedLister().(*state.Snapshot)
	nodes, err := snapshot.List()
	if err != nil {
		return fwk.AsStatus(err)
	}
	found := shares{}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			name := normalized(list[i].Image)
			if have := snapshot.Topology.Nodes(name); have > 0 {
				found[name] = float64(have) / float64(len(nodes))
			}
		}
	}
	if len(found) == 0 {
		return fwk.NewStatus(fwk.Skip)
	}
	cycle.Write(Name, found)
	return nil
}

// Score implements fwk.ScorePlugin. The size of an image counts by the share of nodes that have it, so that not
// all pods of one image crowd on the first node that pulled it.
func (*Plugin) Score(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	data, err := cycle.Read(Name)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	var sum, containers int64
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			containers++
			name := normalized(list[i].Image)
			if image, ok := node.GetImageStates()[name]; ok {
				sum += int64(float64(image.Size) * data.(shares)[name])
			}
		}
	}
	top := largest * max(containers, 1)
	sum = min(max(sum, smallest), top)
	return fwk.MaxScore * (sum - smallest) / (top - smallest), nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (*Plugin) ScoreExtensions() fwk.ScoreExtensions { return nil }

// normalized adds the tag that an image without one means.
func normalized(image string) string {
	if strings.LastIndex(image, ":") <= strings.LastIndex(image, "/") {
		image += ":latest"
	}
	return image
}
