package config

import (
	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"
)

// arguments of plugins by their names. Those of plugins that are not known here stay as they are written, in a runtime.Unknown.
func arguments(given []schedulerv1.PluginConfig) map[string]runtime.Object {
	all := map[string]runtime.Object{}
	for i := range given {
		if args := given[i].Args.Object; args != nil {
			all[given[i].Name] = args
		} else {
			all[given[i].Name] = &runtime.Unknown{Raw: given[i].Args.Raw, ContentType: runtime.ContentTypeJSON}
		}
	}
	return all
}

// setDefaults fills in what arguments leave out, as far as other arguments are judged by it.
func setDefaults(args runtime.Object) {
	switch args := args.(type) {
	case *schedulerv1.DefaultPreemptionArgs:
		setDefault(&args.MinCandidateNodesPercentage, 10)
		setDefault(&args.MinCandidateNodesAbsolute, 100)
	case *schedulerv1.NodeResourcesBalancedAllocationArgs:
		weigh(args.Resources)
	case *schedulerv1.NodeResourcesFitArgs:
		if args.ScoringStrategy != nil {
			weigh(args.ScoringStrategy.Resources)
		}
	case *schedulerv1.PodTopologySpreadArgs:
		if args.DefaultingType == "" {
			args.DefaultingType = schedulerv1.SystemDefaulting
		}
	}
}

func setDefault(field **int32, value int32) {
	if *field == nil {
		*field = ptr.To(value)
	}
}

// weigh gives resources the weight 1 where they have none.
func weigh(resources []schedulerv1.ResourceSpec) {
	for i := range resources {
		if resources[i].Weight == 0 {
			resources[i].Weight = 1
		}
	}
}

// ignore has resources that extenders manage, and that are theirs to check, fit anywhere.
func ignore(arguments map[string]runtime.Object, extenders []schedulerv1.Extender) {
	var names []string
	for i := range extenders {
		for _, managed := range extenders[i].ManagedResources {
			if managed.IgnoredByScheduler {
				names = append(names, managed.Name)
			}
		}
	}
	if len(names) == 0 {
		return
	}
	fit, ok := arguments["NodeResourcesFit"].(*schedulerv1.NodeResourcesFitArgs)
	if !ok {
		fit = &schedulerv1.NodeResourcesFitArgs{}
		arguments["NodeResourcesFit"] = fit
	}
	fit.IgnoredResources = append(fit.IgnoredResources, names...)
}
