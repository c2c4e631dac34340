package config

import (
	"bytes"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
)

// known are the types of arguments of the plugins that come with the scheduler.
func known(plugin string) runtime.Object {
	switch plugin {
	case "DefaultPreemption":
		return &schedulerv1.DefaultPreemptionArgs{}
	case "DynamicResources":
		return &schedulerv1.DynamicResourcesArgs{}
	case "InterPodAffinity":
		return &schedulerv1.InterPodAffinityArgs{}
	case "NodeAffinity":
		return &schedulerv1.NodeAffinityArgs{}
	case "NodeResourcesBalancedAllocation":
		return &schedulerv1.NodeResourcesBalancedAllocationArgs{}
	case "NodeResourcesFit":
		return &schedulerv1.NodeResourcesFitArgs{}
	case "PodTopologySpread":
		return &schedulerv1.PodTopologySpreadArgs{}
	case "VolumeBinding":
		return &schedulerv1.VolumeBindingArgs{}
	}
	return nil
}

// arguments of plugins. Those of plugins that are not known here stay as they are written, in a runtime.Unknown.
func arguments(given []schedulerv1.PluginConfig) (map[string]runtime.Object, error) {
	all := map[string]runtime.Object{}
	for i, g := range given {
		args := known(g.Name)
		if args == nil {
			all[g.Name] = &runtime.Unknown{Raw: g.Args.Raw, ContentType: runtime.ContentTypeJSON}
			continue
		}
		if len(g.Args.Raw) > 0 {
			decoder := json.NewDecoder(bytes.NewReader(g.Args.Raw))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(args); err != nil {
				return nil, fmt.Errorf("pluginConfig[%d]: decoding args of %s: %w", i, g.Name, err)
			}
			want := schedulerv1.SchemeGroupVersion.WithKind(g.Name + "Args")
			if got := args.GetObjectKind().GroupVersionKind(); !got.Empty() && got != want {
				return nil, fmt.Errorf("pluginConfig[%d]: args for plugin %s were not of type %s, got %s", i, g.Name, want, got)
			}
		}
		if errs := validateArguments(args); len(errs) > 0 {
			return nil, fmt.Errorf("pluginConfig[%d]: args of %s: %w", i, g.Name, errs.ToAggregate())
		}
		all[g.Name] = args
	}
	return all, nil
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
