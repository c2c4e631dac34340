package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func priorityLevelConfigurations() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:    flowcontrolv1.GroupName,
		Name:     "prioritylevelconfigurations",
		Singular: "prioritylevelconfiguration",
		Kind:     "PriorityLevelConfiguration",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[flowcontrolv1.PriorityLevelConfiguration],
			NewList: resource.NewList[flowcontrolv1.PriorityLevelConfigurationList],
		}},
		StoragePrefix: "prioritylevelconfigurations",
	}, func(p *flowcontrolv1.PriorityLevelConfiguration) (*flowcontrolv1.PriorityLevelConfigurationSpec, *flowcontrolv1.PriorityLevelConfigurationStatus) {
		return &p.Spec, &p.Status
	}, resource.KeepMeta(resource.AllMeta))
}
