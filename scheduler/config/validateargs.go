package config

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
)

// validateArguments looks at all arguments but those of NodeResourcesFit, which kube-scheduler looks at when it makes the plugin.
func validateArguments(args runtime.Object, path *field.Path) field.ErrorList {
	switch args := args.(type) {
	case *schedulerv1.DefaultPreemptionArgs:
		return validatePreemption(args, path)
	case *schedulerv1.DynamicResourcesArgs:
		return validateDevices(args, path)
	case *schedulerv1.InterPodAffinityArgs:
		if weight := args.HardPodAffinityWeight; weight != nil && (*weight < 0 || *weight > 100) {
			return field.ErrorList{field.Invalid(path.Child("hardPodAffinityWeight"), *weight, "not in valid range [0, 100]")}
		}
	case *schedulerv1.NodeAffinityArgs:
		return validateAffinity(args, path.Child("addedAffinity"))
	case *schedulerv1.NodeResourcesBalancedAllocationArgs:
		return validateBalanced(args.Resources, path.Child("resources"))
	case *schedulerv1.PodTopologySpreadArgs:
		return validateSpread(args, path)
	case *schedulerv1.VolumeBindingArgs:
		return validateVolumes(args, path)
	}
	return nil
}

func validatePreemption(args *schedulerv1.DefaultPreemptionArgs, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	percent, least := *args.MinCandidateNodesPercentage, *args.MinCandidateNodesAbsolute
	ofPercent, ofLeast := path.Child("minCandidateNodesPercentage"), path.Child("minCandidateNodesAbsolute")
	if percent < 0 || percent > 100 {
		errs = append(errs, field.Invalid(ofPercent, percent, "not in valid range [0, 100]"))
	}
	if least < 0 {
		errs = append(errs, field.Invalid(ofLeast, least, "not in valid range [0, inf)"))
	}
	if percent == 0 && least == 0 {
		errs = append(errs,
			field.Invalid(ofPercent, percent, "cannot be zero at the same time as minCandidateNodesAbsolute"),
			field.Invalid(ofLeast, least, "cannot be zero at the same time as minCandidateNodesPercentage"))
	}
	return errs
}

func validateDevices(args *schedulerv1.DynamicResourcesArgs, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if limit := args.FilterTimeout; limit != nil && limit.Duration < 0 {
		errs = append(errs, field.Invalid(path.Child("filterTimeout"), limit.Duration.String(), "must be zero or positive"))
	}
	if limit := args.BindingTimeout; limit != nil && limit.Duration < time.Second {
		errs = append(errs, field.Invalid(path.Child("bindingTimeout"), limit.Duration.String(), "must be at least 1 second"))
	}
	return errs
}

// validateAffinity has the selectors read as the plugin reads them.
func validateAffinity(args *schedulerv1.NodeAffinityArgs, path *field.Path) field.ErrorList {
	affinity := args.AddedAffinity
	if affinity == nil {
		return nil
	}
	var errs []error
	if required := affinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		_, err := nodeaffinity.NewNodeSelector(required, field.WithPath(path.Child("requiredDuringSchedulingIgnoredDuringExecution")))
		errs = append(errs, err)
	}
	if preferred := affinity.PreferredDuringSchedulingIgnoredDuringExecution; len(preferred) > 0 {
		_, err := nodeaffinity.NewPreferredSchedulingTerms(preferred, field.WithPath(path.Child("preferredDuringSchedulingIgnoredDuringExecution")))
		errs = append(errs, err)
	}
	return flat(errs)
}

// flat are the errors of fields in errors that may hold several.
func flat(errs []error) field.ErrorList {
	var all field.ErrorList
	for _, err := range errs {
		switch err := err.(type) { //nolint:errorlint // what the selectors return is not wrapped
		case *field.Error:
			all = append(all, err)
		case interface{ Errors() []error }:
			all = append(all, flat(err.Errors())...)
		}
	}
	return all
}

func validateBalanced(resources []schedulerv1.ResourceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, r := range resources {
		if seen.Has(r.Name) {
			errs = append(errs, field.Duplicate(path.Index(i).Child("name"), r.Name))
		}
		seen.Insert(r.Name)
		if r.Weight != 1 {
			errs = append(errs, field.Invalid(path.Index(i).Child("weight"), r.Weight, "must be 1"))
		}
	}
	return errs
}

// validateVolumes refuses a shape: scores by capacity are not on by default.
func validateVolumes(args *schedulerv1.VolumeBindingArgs, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if seconds := args.BindTimeoutSeconds; seconds != nil && *seconds < 0 {
		errs = append(errs, field.Invalid(path.Child("bindTimeoutSeconds"), *seconds, "invalid BindTimeoutSeconds, should not be a negative value"))
	}
	if args.Shape != nil {
		type point struct{ Utilization, Score int32 } // kube-scheduler's words have the points' internal names
		points := []point{}
		for _, p := range args.Shape {
			points = append(points, point(p))
		}
		errs = append(errs, field.Invalid(path.Child("shape"), points, "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring"))
	}
	return errs
}

func validateSpread(args *schedulerv1.PodTopologySpreadArgs, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch args.DefaultingType {
	case schedulerv1.SystemDefaulting:
		if len(args.DefaultConstraints) > 0 {
			errs = append(errs, field.Invalid(path.Child("defaultingType"), args.DefaultingType, "when .defaultConstraints are not empty"))
		}
	case schedulerv1.ListDefaulting:
	default:
		errs = append(errs, field.NotSupported(path.Child("defaultingType"), args.DefaultingType,
			[]schedulerv1.PodTopologySpreadConstraintsDefaulting{schedulerv1.SystemDefaulting, schedulerv1.ListDefaulting}))
	}
	seen := sets.New[string]()
	for i := range args.DefaultConstraints {
		c, path := &args.DefaultConstraints[i], path.Child("defaultConstraints").Index(i)
		errs = append(errs, validateConstraint(c, path)...)
		rule := fmt.Sprintf("{%s, %s}", c.TopologyKey, c.WhenUnsatisfiable)
		if seen.Has(rule) {
			errs = append(errs, field.Duplicate(path, rule))
		}
		seen.Insert(rule)
	}
	return errs
}

func validateConstraint(c *corev1.TopologySpreadConstraint, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.MaxSkew <= 0 {
		errs = append(errs, field.Invalid(path.Child("maxSkew"), c.MaxSkew, "not in valid range (0, inf)"))
	}
	if c.TopologyKey == "" {
		errs = append(errs, field.Required(path.Child("topologyKey"), "can not be empty"))
	} else {
		errs = append(errs, qualified(c.TopologyKey, path.Child("topologyKey"))...)
	}
	switch c.WhenUnsatisfiable {
	case corev1.DoNotSchedule, corev1.ScheduleAnyway:
	case "":
		errs = append(errs, field.Required(path.Child("whenUnsatisfiable"), "can not be empty"))
	default:
		errs = append(errs, field.NotSupported(path.Child("whenUnsatisfiable"), c.WhenUnsatisfiable,
			[]corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway}))
	}
	if c.LabelSelector != nil {
		errs = append(errs, field.Forbidden(path.Child("labelSelector"), "constraint must not define a selector, as they deduced for each pod"))
	}
	return errs
}

func validateFit(args *schedulerv1.NodeResourcesFitArgs) field.ErrorList {
	var errs field.ErrorList
	for i, name := range args.IgnoredResources {
		errs = append(errs, qualified(name, field.NewPath("ignoredResources").Index(i))...)
	}
	for i, name := range args.IgnoredResourceGroups {
		path := field.NewPath("ignoredResourceGroups").Index(i)
		if strings.Contains(name, "/") {
			errs = append(errs, field.Invalid(path, name, "resource group name can't contain '/'"))
		} else {
			errs = append(errs, qualified(name, path)...)
		}
	}
	strategy, path := args.ScoringStrategy, field.NewPath("scoringStrategy")
	if strategy == nil {
		return errs
	}
	for i, r := range strategy.Resources {
		if r.Weight < 1 || r.Weight > 100 {
			errs = append(errs, field.Invalid(path.Child("resources").Index(i).Child("weight"), r.Weight, fmt.Sprintf("resource weight of %s not in valid range (0, 100]", r.Name)))
		}
	}
	switch strategy.Type {
	case schedulerv1.LeastAllocated, schedulerv1.MostAllocated:
	case schedulerv1.RequestedToCapacityRatio:
		errs = append(errs, ratio(strategy.RequestedToCapacityRatio, path.Child("requestedToCapacityRatio"))...)
	default:
		errs = append(errs, field.NotSupported(path.Child("type"), strategy.Type,
			[]schedulerv1.ScoringStrategyType{schedulerv1.LeastAllocated, schedulerv1.MostAllocated, schedulerv1.RequestedToCapacityRatio}))
	}
	return errs
}

func ratio(p *schedulerv1.RequestedToCapacityRatioParam, path *field.Path) field.ErrorList {
	if p == nil {
		return field.ErrorList{field.Required(path, "must be specified when type is RequestedToCapacityRatio")}
	}
	path = path.Child("shape")
	if len(p.Shape) == 0 {
		return field.ErrorList{field.Required(path, "at least one point must be specified")}
	}
	var errs field.ErrorList
	for i := range p.Shape[1:] {
		if next := p.Shape[i+1].Utilization; next <= p.Shape[i].Utilization {
			errs = append(errs, field.Invalid(path.Index(i+1).Child("utilization"), next, "values must be sorted in increasing order"))
		}
	}
	for i, point := range p.Shape {
		if point.Utilization < 0 || point.Utilization > 100 {
			errs = append(errs, field.Invalid(path.Index(i).Child("utilization"), point.Utilization, "not in valid range [0, 100]"))
		}
		if point.Score < 0 || point.Score > 10 {
			errs = append(errs, field.Invalid(path.Index(i).Child("score"), point.Score, "not in valid range [0, 10]"))
		}
	}
	return errs
}
