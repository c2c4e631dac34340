// Package imagelocality prefers nodes that have the pod's images already, the more the larger the images.
package imagelocality

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
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
	Nodes func() fwk.SharedLister
}

var _ fwk.ScorePlugin = &Plugin{}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// Score implements fwk.ScorePlugin. The size of an image counts by the share of nodes that have it, so that not
// all pods of one image crowd on the first node that pulled it.
func (p *Plugin) Score(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	nodes, err := p.Nodes().NodeInfos().List()
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	var sum, containers int64
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			containers++
			name := normalized(list[i].Image)
			image, ok := node.GetImageStates()[name]
			if !ok {
				continue
			}
			sum += int64(float64(image.Size) * spread(nodes, name))
		}
	}
	top := largest * max(containers, 1)
	sum = min(max(sum, smallest), top)
	return fwk.MaxScore * (sum - smallest) / (top - smallest), nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (*Plugin) ScoreExtensions() fwk.ScoreExtensions { return nil }

func spread(nodes []fwk.NodeInfo, image string) float64 {
	have := 0
	for _, node := range nodes {
		if _, ok := node.GetImageStates()[image]; ok {
			have++
		}
	}
	return float64(have) / float64(len(nodes))
}

// normalized adds the tag that an image without one means.
func normalized(image string) string {
	if strings.LastIndex(image, ":") <= strings.LastIndex(image, "/") {
		image += ":latest"
	}
	return image
}
