package node

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Row of nodes.
func Row() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "nodes",
		Singular:   "node",
		Kind:       "Node",
		ShortNames: []string{"no"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Node],
			NewList: resource.NewList[corev1.NodeList],
			Default: resource.Defaulter(setDefaults),
		}},
		Columns:          columns(),
		Cells:            resource.Row(cells),
		NoNamespaceField: true,
		FieldNames:       []string{"spec.unschedulable"},
		Fields:           resource.Select(selectable),
		// What configured a kubelet from afar is no more.
		PrepareCreate:            resource.OnCreate(func(n *corev1.Node) { n.Spec.ConfigSource = nil }),
		PrepareUpdate:            resource.OnUpdate(dropConfigured),
		Validate:                 resource.Check(validate),
		ValidateUpdate:           resource.CheckUpdate(validateUpdate),
		Warnings:                 resource.Warn(warn),
		StoragePrefix:            "minions",
		AllowUnconditionalUpdate: true,
		Subresources:             []resource.Subresource{resource.Proxy("NodeProxyOptions")},
	}, func(n *corev1.Node) (*corev1.NodeSpec, *corev1.NodeStatus) {
		return &n.Spec, &n.Status
	}, resource.NoGeneration(), resource.KeepStatusOnCreate(), resource.CheckStatus(validateStatus), resource.PrepareStatus(dropConfigured))
}

// dropConfigured leaves out what configured a kubelet from afar, unless it is there.
func dropConfigured(n, old *corev1.Node) {
	if old.Spec.ConfigSource == nil {
		n.Spec.ConfigSource = nil
	}
	if old.Status.Config == nil {
		n.Status.Config = nil
	}
}

func selectable(n *corev1.Node) fields.Set {
	return fields.Set{"spec.unschedulable": strconv.FormatBool(n.Spec.Unschedulable)}
}

func setDefaults(n *corev1.Node) {
	resources.RoundUp(n.Status.Capacity)
	resources.RoundUp(n.Status.Allocatable)
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

func warn(n, _ *corev1.Node) []string {
	var warnings []string
	path := field.NewPath("spec")
	if n.Spec.ConfigSource != nil {
		warnings = append(warnings, path.Child("configSource").String()+": the feature is no longer supported and will not be honored")
	}
	if n.Spec.DoNotUseExternalID != "" {
		warnings = append(warnings, path.Child("externalID").String()+": this field is deprecated, and is unused by Kubernetes")
	}
	for i, cidr := range n.Spec.PodCIDRs {
		warnings = append(warnings, validation.GetWarningsForCIDR(path.Child("podCIDRs").Index(i), cidr)...)
	}
	return warnings
}
