package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

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
		}},
		StoragePrefix:            "networkpolicies",
		AllowUnconditionalUpdate: true,
	}, func(n *networkingv1.NetworkPolicy) any { return &n.Spec })
}
