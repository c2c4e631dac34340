package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Quotas is the row of ResourceQuotas.
func Quotas() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "resourcequotas",
		Singular:   "resourcequota",
		Kind:       "ResourceQuota",
		ShortNames: []string{"quota"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.ResourceQuota],
			NewList: resource.NewList[corev1.ResourceQuotaList],
			Default: resource.Defaulter(defaultResourceQuota),
		}},
		Columns:                  resource.Columns("Name:name", "Request", "Limit", "Age"),
		Cells:                    resource.Row(cells),
		Validate:                 resource.Check(validateResourceQuota),
		ValidateUpdate:           resource.CheckUpdate(validateResourceQuotaUpdate),
		StoragePrefix:            "resourcequotas",
		Governs:                  true,
		AllowUnconditionalUpdate: true,
	}, func(r *corev1.ResourceQuota) (*corev1.ResourceQuotaSpec, *corev1.ResourceQuotaStatus) {
		return &r.Spec, &r.Status
	}, resource.NoGeneration(), resource.CheckStatus(validateResourceQuotaStatus))
}

func cells(q *corev1.ResourceQuota, now time.Time) []any {
	var requests, limits []string
	for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
		used, hard := q.Status.Used[name], q.Status.Hard[name]
		text := fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String())
		if strings.HasPrefix(string(name), "limits") {
			limits = append(limits, text)
		} else {
			requests = append(requests, text)
		}
	}
	return []any{q.Name, strings.Join(requests, ", "), strings.Join(limits, ", "), resource.AgeOf(q, now)}
}

func defaultResourceQuota(q *corev1.ResourceQuota) {
	resources.RoundUp(q.Spec.Hard)
	resources.RoundUp(q.Status.Hard)
	resources.RoundUp(q.Status.Used)
}
