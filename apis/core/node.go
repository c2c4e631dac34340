package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func nodes() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "nodes",
		Singular:   "node",
		Kind:       "Node",
		ShortNames: []string{"no"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Node],
			NewList: resource.NewList[corev1.NodeList],
		}},
		StoragePrefix:            "minions",
		AllowUnconditionalUpdate: true,
		Subresources:             []resource.Subresource{resource.Proxy("NodeProxyOptions")},
	}, func(n *corev1.Node) (*corev1.NodeSpec, *corev1.NodeStatus) {
		return &n.Spec, &n.Status
	}, resource.NoGeneration(), resource.KeepStatusOnCreate())
}
