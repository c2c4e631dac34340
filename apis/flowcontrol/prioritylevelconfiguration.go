package flowcontrol

import (
	"time"

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
			Default: resource.Defaulter(defaultPriorityLevelConfiguration),
		}},
		Columns:        resource.Columns("Name:name", "Type", "NominalConcurrencyShares", "Queues", "HandSize", "QueueLengthLimit", "Age"),
		Cells:          resource.Row(priorityLevelConfigurationCells),
		Validate:       resource.Check(validatePriorityLevelConfiguration),
		ValidateUpdate: resource.CheckUpdate(validatePriorityLevelConfigurationUpdate),
		StoragePrefix:  "prioritylevelconfigurations",

		AllowUnconditionalUpdate: true,
	}, func(p *flowcontrolv1.PriorityLevelConfiguration) (*flowcontrolv1.PriorityLevelConfigurationSpec, *flowcontrolv1.PriorityLevelConfigurationStatus) {
		return &p.Spec, &p.Status
	}, resource.KeepMeta(resource.AllMeta), resource.CheckStatus(validatePriorityLevelConfigurationStatus))
}

func defaultPriorityLevelConfiguration(p *flowcontrolv1.PriorityLevelConfiguration) {
	if exempt := p.Spec.Exempt; exempt != nil {
		resource.SetPtr(&exempt.NominalConcurrencyShares, 0)
		resource.SetPtr(&exempt.LendablePercent, 0)
	}
	limited := p.Spec.Limited
	if limited == nil {
		return
	}
	resource.SetPtr(&limited.NominalConcurrencyShares, 30)
	resource.SetPtr(&limited.LendablePercent, 0)
	if queuing := limited.LimitResponse.Queuing; queuing != nil {
		resource.SetZero(&queuing.HandSize, 8)
		resource.SetZero(&queuing.Queues, 64)
		resource.SetZero(&queuing.QueueLengthLimit, 50)
	}
}

func priorityLevelConfigurationCells(p *flowcontrolv1.PriorityLevelConfiguration, now time.Time) []any {
	var shares, queues, hand, length any = resource.None, resource.None, resource.None, resource.None
	if limited := p.Spec.Limited; limited != nil {
		if limited.NominalConcurrencyShares != nil {
			shares = int64(*limited.NominalConcurrencyShares)
		}
		if queuing := limited.LimitResponse.Queuing; queuing != nil {
			queues, hand, length = int64(queuing.Queues), int64(queuing.HandSize), int64(queuing.QueueLengthLimit)
		}
	}
	return []any{p.Name, string(p.Spec.Type), shares, queues, hand, length, resource.AgeOf(p, now)}
}
