package scheduling

import (
	schedulingv1 "k8s.io/api/scheduling/v1"

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
		}},
		StoragePrefix:            "priorityclasses",
		AllowUnconditionalUpdate: true,
	}, func(p *schedulingv1.PriorityClass) any { return p.Value })
}
