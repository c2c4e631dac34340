package policy

import (
	"time"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

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
		Columns:        resource.Columns("Name:name", "Min Available", "Max Unavailable", "Allowed Disruptions:integer", "Age"),
		Cells:          resource.Row(podDisruptionBudgetCells),
		Validate:       resource.Check(validatePodDisruptionBudget),
		AnyFinalizers:  true,
		ValidateUpdate: resource.CheckUpdate(validatePodDisruptionBudgetUpdate),
		ValidateName:   resource.PathSegmentName,
		StoragePrefix:  "poddisruptionbudgets",
	}, func(p *policyv1.PodDisruptionBudget) (*policyv1.PodDisruptionBudgetSpec, *policyv1.PodDisruptionBudgetStatus) {
		return &p.Spec, &p.Status
	}, resource.CheckStatus(validatePodDisruptionBudgetStatus))
}

func podDisruptionBudgetCells(p *policyv1.PodDisruptionBudget, now time.Time) []any {
	return []any{p.Name, orNotApplicable(p.Spec.MinAvailable), orNotApplicable(p.Spec.MaxUnavailable), int64(p.Status.DisruptionsAllowed), resource.AgeOf(p, now)}
}

func orNotApplicable(value *intstr.IntOrString) string {
	if value == nil {
		return "N/A"
	}
	return value.String()
}
