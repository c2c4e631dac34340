package networking

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func networkPolicies() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:      networkingv1.GroupName,
		Name:       "networkpolicies",
		Singular:   "networkpolicy",
		Kind:       "NetworkPolicy",
		ShortNames: []string{"netpol"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[networkingv1.NetworkPolicy],
			NewList: resource.NewList[networkingv1.NetworkPolicyList],
			Default: resource.Defaulter(defaultNetworkPolicy),
		}},
		Columns:                  resource.Columns("Name:name", "Pod-Selector", "Age"),
		Cells:                    resource.Row(networkPolicyCells),
		Validate:                 resource.Check(validateNetworkPolicy),
		ValidateUpdate:           resource.CheckUpdate(validateNetworkPolicyUpdate),
		Warnings:                 resource.Warn(warnNetworkPolicy),
		StoragePrefix:            "networkpolicies",
		AllowUnconditionalUpdate: true,
	}, func(n *networkingv1.NetworkPolicy) any { return &n.Spec })
}

func defaultNetworkPolicy(p *networkingv1.NetworkPolicy) {
	for i := range p.Spec.Ingress {
		defaultPolicyPorts(p.Spec.Ingress[i].Ports)
	}
	for i := range p.Spec.Egress {
		defaultPolicyPorts(p.Spec.Egress[i].Ports)
	}
	if len(p.Spec.PolicyTypes) == 0 {
		p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(p.Spec.Egress) > 0 {
			p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
}

func defaultPolicyPorts(ports []networkingv1.NetworkPolicyPort) {
	for i := range ports {
		if ports[i].Protocol == nil {
			ports[i].Protocol = ptr.To(corev1.ProtocolTCP)
		}
	}
}
