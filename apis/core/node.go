package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
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
			Default: resource.Defaulter(defaultNode),
		}},
		Columns:    nodeColumns(),
		Cells:      resource.Row(nodeCells),
		FieldNames: []string{"spec.unschedulable"},
		Fields:     resource.Select(nodeFields),
		// What configured a kubelet from afar is no more.
		PrepareCreate:            resource.OnCreate(func(n *corev1.Node) { n.Spec.ConfigSource = nil }),
		Validate:                 resource.Check(validateNode),
		ValidateUpdate:           resource.CheckUpdate(validateNodeUpdate),
		Warnings:                 resource.Warn(warnNode),
		StoragePrefix:            "minions",
		AllowUnconditionalUpdate: true,
		Subresources:             []resource.Subresource{resource.Proxy("NodeProxyOptions")},
	}, func(n *corev1.Node) (*corev1.NodeSpec, *corev1.NodeStatus) {
		return &n.Spec, &n.Status
	}, resource.NoGeneration(), resource.KeepStatusOnCreate(), resource.CheckStatus(validateNodeStatus))
}

func defaultNode(n *corev1.Node) {
	podspec.RoundUp(n.Status.Capacity)
	podspec.RoundUp(n.Status.Allocatable)
	if len(n.Status.Allocatable) == 0 && n.Status.Capacity != nil {
		n.Status.Allocatable = n.Status.Capacity.DeepCopy()
	}
	switch {
	case n.Spec.PodCIDR != "" && (len(n.Spec.PodCIDRs) == 0 || n.Spec.PodCIDR != n.Spec.PodCIDRs[0]): // the older field says it
		n.Spec.PodCIDRs = []string{n.Spec.PodCIDR}
	case n.Spec.PodCIDR == "" && len(n.Spec.PodCIDRs) > 0:
		n.Spec.PodCIDR = n.Spec.PodCIDRs[0]
	}
}
