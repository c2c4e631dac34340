package policy

import (
	policyv1 "k8s.io/api/policy/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func podDisruptionBudgets() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      policyv1.GroupName,
		Name:       "poddisruptionbudgets",
		Singular:   "poddisruptionbudget",
		Kind:       "PodDisruptionBudget",
		ShortNames: []string{"pdb"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[policyv1.PodDisruptionBudget],
			NewList: resource.NewList[policyv1.PodDisruptionBudgetList],
		}},
		StoragePrefix: "poddisruptionbudgets",
	}, func(p *policyv1.PodDisruptionBudget) (*policyv1.PodDisruptionBudgetSpec, *policyv1.PodDisruptionBudgetStatus) {
		return &p.Spec, &p.Status
	})
}
