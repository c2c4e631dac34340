package scheduling

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func priorityClasses() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:      schedulingv1.GroupName,
		Name:       "priorityclasses",
		Singular:   "priorityclass",
		Kind:       "PriorityClass",
		ShortNames: []string{"pc"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[schedulingv1.PriorityClass],
			NewList: resource.NewList[schedulingv1.PriorityClassList],
			Default: resource.Defaulter(defaultPriorityClass),
		}},
		Columns:                  resource.Columns("Name:name", "Value:integer", "Global-Default:boolean", "Age", "PreemptionPolicy"),
		Cells:                    resource.Row(priorityClassCells),
		Validate:                 resource.Check(validatePriorityClass),
		ValidateUpdate:           resource.CheckUpdate(validatePriorityClassUpdate),
		StoragePrefix:            "priorityclasses",
		Governs:                  true,
		AllowUnconditionalUpdate: true,
	}, func(p *schedulingv1.PriorityClass) any { return p.Value })
}

func defaultPriorityClass(c *schedulingv1.PriorityClass) {
	if c.PreemptionPolicy == nil {
		c.PreemptionPolicy = ptr.To(corev1.PreemptLowerPriority)
	}
}

func priorityClassCells(c *schedulingv1.PriorityClass, now time.Time) []any {
	return []any{c.Name, int64(c.Value), c.GlobalDefault, resource.AgeOf(c, now), string(ptr.Deref(c.PreemptionPolicy, ""))}
}
