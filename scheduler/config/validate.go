package config

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"
)

func validate(c *schedulerv1.KubeSchedulerConfiguration) field.ErrorList {
	var errs field.ErrorList
	if p := c.Parallelism; p != nil && *p <= 0 {
		errs = append(errs, field.Invalid(field.NewPath("parallelism"), *p, "should be an integer value greater than zero"))
	}
	errs = append(errs, percentage(c.PercentageOfNodesToScore, field.NewPath("percentageOfNodesToScore"))...)
	initial, most := ptr.Deref(c.PodInitialBackoffSeconds, 1), ptr.Deref(c.PodMaxBackoffSeconds, 10)
	if initial <= 0 {
		errs = append(errs, field.Invalid(field.NewPath("podInitialBackoffSeconds"), initial, "must be greater than 0"))
	}
	if most < initial {
		errs = append(errs, field.Invalid(field.NewPath("podMaxBackoffSeconds"), most, "must be greater than or equal to PodInitialBackoffSeconds"))
	}
	errs = append(errs, validateExtenders(c.Extenders, field.NewPath("extenders"))...)
	seen := sets.New[string]()
	for i := range c.Profiles {
		p, path := &c.Profiles[i], field.NewPath("profiles").Index(i)
		name := ptr.Deref(p.SchedulerName, "")
		switch {
		case name == "":
			errs = append(errs, field.Required(path.Child("schedulerName"), ""))
		case seen.Has(name):
			errs = append(errs, field.Duplicate(path.Child("schedulerName"), name))
		}
		seen.Insert(name)
		errs = append(errs, percentage(p.PercentageOfNodesToScore, path.Child("percentageOfNodesToScore"))...)
		configured := sets.New[string]()
		for j, config := range p.PluginConfig {
			if configured.Has(config.Name) {
				errs = append(errs, field.Duplicate(path.Child("pluginConfig").Index(j).Child("name"), config.Name))
			}
			configured.Insert(config.Name)
		}
	}
	return errs
}

func validateExtenders(extenders []schedulerv1.Extender, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	binders := 0
	managed := sets.New[string]()
	for i := range extenders {
		e := &extenders[i]
		if e.PrioritizeVerb != "" && e.Weight <= 0 {
			errs = append(errs, field.Invalid(path.Index(i).Child("weight"), e.Weight, "must have a positive weight applied to it"))
		}
		if e.BindVerb != "" {
			binders++
		}
		for j, r := range e.ManagedResources {
			if managed.Has(r.Name) {
				errs = append(errs, field.Invalid(path.Index(i).Child("managedResources").Index(j).Child("name"), r.Name, "duplicate extender managed resource name"))
			}
			managed.Insert(r.Name)
		}
	}
	if binders > 1 {
		errs = append(errs, field.Invalid(path, fmt.Sprintf("found %d extenders implementing bind", binders), "only one extender can implement bind"))
	}
	return errs
}

func percentage(p *int32, path *field.Path) field.ErrorList {
	if p != nil && (*p < 0 || *p > 100) {
		return field.ErrorList{field.Invalid(path, *p, "not in valid range [0-100]")}
	}
	return nil
}

func validateArguments(args runtime.Object) field.ErrorList {
	switch args := args.(type) {
	case *schedulerv1.DefaultPreemptionArgs:
		errs := percentage(args.MinCandidateNodesPercentage, field.NewPath("minCandidateNodesPercentage"))
		if least := args.MinCandidateNodesAbsolute; least != nil && *least < 0 {
			errs = append(errs, field.Invalid(field.NewPath("minCandidateNodesAbsolute"), *least, "not in valid range [0, inf)"))
		}
		if ptr.Deref(args.MinCandidateNodesPercentage, 10) == 0 && ptr.Deref(args.MinCandidateNodesAbsolute, 100) == 0 {
			errs = append(errs, field.Invalid(field.NewPath("minCandidateNodesPercentage"), 0, "cannot be zero at the same time as minCandidateNodesAbsolute"))
		}
		return errs
	case *schedulerv1.DynamicResourcesArgs:
		return validateDevices(args)
	case *schedulerv1.InterPodAffinityArgs:
		return percentage(args.HardPodAffinityWeight, field.NewPath("hardPodAffinityWeight"))
	case *schedulerv1.NodeResourcesBalancedAllocationArgs:
		return resources(args.Resources, field.NewPath("resources"))
	case *schedulerv1.NodeResourcesFitArgs:
		return validateFit(args)
	case *schedulerv1.PodTopologySpreadArgs:
		return validateSpread(args)
	case *schedulerv1.VolumeBindingArgs:
		if seconds := args.BindTimeoutSeconds; seconds != nil && *seconds < 0 {
			return field.ErrorList{field.Invalid(field.NewPath("bindTimeoutSeconds"), *seconds, "invalid BindTimeoutSeconds, should not be a negative value")}
		}
	}
	return nil
}

func validateDevices(args *schedulerv1.DynamicResourcesArgs) field.ErrorList {
	var errs field.ErrorList
	if limit := args.FilterTimeout; limit != nil && limit.Duration < 0 {
		errs = append(errs, field.Invalid(field.NewPath("filterTimeout"), limit.Duration.String(), "must be zero or positive"))
	}
	if limit := args.BindingTimeout; limit != nil && limit.Duration < time.Second {
		errs = append(errs, field.Invalid(field.NewPath("bindingTimeout"), limit.Duration.String(), "must be at least 1 second"))
	}
	return errs
}

func validateFit(args *schedulerv1.NodeResourcesFitArgs) field.ErrorList {
	var errs field.ErrorList
	for i, name := range args.IgnoredResources {
		for _, message := range validation.IsQualifiedName(name) {
			errs = append(errs, field.Invalid(field.NewPath("ignoredResources").Index(i), name, message))
		}
	}
	strategy, path := args.ScoringStrategy, field.NewPath("scoringStrategy")
	if strategy == nil {
		return errs
	}
	errs = append(errs, resources(strategy.Resources, path.Child("resources"))...)
	switch strategy.Type {
	case "", schedulerv1.LeastAllocated, schedulerv1.MostAllocated:
	case schedulerv1.RequestedToCapacityRatio:
		if strategy.RequestedToCapacityRatio == nil || len(strategy.RequestedToCapacityRatio.Shape) == 0 {
			return append(errs, field.Required(path.Child("requestedToCapacityRatio", "shape"), "at least one point must be specified"))
		}
		errs = append(errs, shape(strategy.RequestedToCapacityRatio.Shape, path.Child("requestedToCapacityRatio", "shape"))...)
	default:
		errs = append(errs, field.NotSupported(path.Child("type"), strategy.Type,
			[]schedulerv1.ScoringStrategyType{schedulerv1.LeastAllocated, schedulerv1.MostAllocated, schedulerv1.RequestedToCapacityRatio}))
	}
	return errs
}

func resources(all []schedulerv1.ResourceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, r := range all {
		if seen.Has(r.Name) {
			errs = append(errs, field.Duplicate(path.Index(i).Child("name"), r.Name))
		}
		seen.Insert(r.Name)
		if r.Weight < 0 || r.Weight > 100 {
			errs = append(errs, field.Invalid(path.Index(i).Child("weight"), r.Weight, fmt.Sprintf("resource weight of %s not in valid range [1, 100]", r.Name)))
		}
	}
	return errs
}

func shape(points []schedulerv1.UtilizationShapePoint, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, p := range points {
		if p.Utilization < 0 || p.Utilization > 100 {
			errs = append(errs, field.Invalid(path.Index(i).Child("utilization"), p.Utilization, "not in valid range [0, 100]"))
		}
		if p.Score < 0 || p.Score > 10 {
			errs = append(errs, field.Invalid(path.Index(i).Child("score"), p.Score, "not in valid range [0, 10]"))
		}
		if i > 0 && p.Utilization <= points[i-1].Utilization {
			errs = append(errs, field.Invalid(path.Index(i).Child("utilization"), p.Utilization, "utilization values must be sorted in increasing order"))
		}
	}
	return errs
}

func validateSpread(args *schedulerv1.PodTopologySpreadArgs) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("defaultConstraints")
	switch args.DefaultingType {
	case "", schedulerv1.SystemDefaulting:
		if len(args.DefaultConstraints) > 0 {
			errs = append(errs, field.Invalid(field.NewPath("defaultingType"), args.DefaultingType, "when .defaultConstraints are specified, defaultingType must be \"List\""))
		}
	case schedulerv1.ListDefaulting:
	default:
		errs = append(errs, field.NotSupported(field.NewPath("defaultingType"), args.DefaultingType,
			[]schedulerv1.PodTopologySpreadConstraintsDefaulting{schedulerv1.SystemDefaulting, schedulerv1.ListDefaulting}))
	}
	for i, c := range args.DefaultConstraints {
		if c.MaxSkew <= 0 {
			errs = append(errs, field.Invalid(path.Index(i).Child("maxSkew"), c.MaxSkew, "not in valid range (0, inf)"))
		}
		if c.TopologyKey == "" {
			errs = append(errs, field.Required(path.Index(i).Child("topologyKey"), "can not be empty"))
		}
		if c.LabelSelector != nil {
			errs = append(errs, field.Forbidden(path.Index(i).Child("labelSelector"), "constraint must not define a selector, as they deduced for each pod"))
		}
	}
	return errs
}
