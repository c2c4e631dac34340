// Package metrics describes metrics.k8s.io, which is answered from the nodes' statistics and never
// stored. It reads and writes nothing; see package resource for what a row means.
package metrics

import (
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Resources lists the rows of the group.
func Resources() []*resource.Resource {
	return []*resource.Resource{
		nodeMetrics(),
		podMetrics(),
	}
}

func nodeMetrics() *resource.Resource {
	return &resource.Resource{
		Group: metricsv1beta1.GroupName,
		Name:  "nodes",
		Kind:  "NodeMetrics",
		Versions: []resource.Version{{
			Name:    "v1beta1",
			New:     resource.New[metricsv1beta1.NodeMetrics],
			NewList: resource.NewList[metricsv1beta1.NodeMetricsList],
		}},
		Verbs:   []string{"get", "list"},
		Virtual: true,
	}
}

func podMetrics() *resource.Resource {
	return &resource.Resource{
		Group:      metricsv1beta1.GroupName,
		Name:       "pods",
		Kind:       "PodMetrics",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1beta1",
			New:     resource.New[metricsv1beta1.PodMetrics],
			NewList: resource.NewList[metricsv1beta1.PodMetricsList],
		}},
		Verbs:   []string{"get", "list"},
		Virtual: true,
	}
}
