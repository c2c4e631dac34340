package plugins

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/dynamicresources"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodeaffinity"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/noderesources"
)

// with is the factory of a plugin that takes arguments of a type; none are empty ones.
func with[T any, P interface {
	*T
	runtime.Object
}](make func(handle fwk.Handle, args P) (fwk.Plugin, error)) Factory {
	return func(ctx context.Context, arguments runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		args, ok := arguments.(P)
		if arguments == nil {
			args = new(T)
		} else if !ok {
			return nil, fmt.Errorf("want arguments of type %T, got %T", args, arguments)
		}
		plugin, err := make(handle, args)
		if listening, ok := plugin.(interface{ Close() }); ok {
			context.AfterFunc(ctx, listening.Close)
		}
		return plugin, err
	}
}

func (deps Deps) newFit(devices *dynamicresources.Ledger) func(fwk.Handle, *schedulerv1.NodeResourcesFitArgs) (fwk.Plugin, error) {
	return func(_ fwk.Handle, args *schedulerv1.NodeResourcesFitArgs) (fwk.Plugin, error) {
		fit := &noderesources.Fit{Ignored: args.IgnoredResources, IgnoredGroups: args.IgnoredResourceGroups, Client: deps.Client}
		fit.Devices = func(ctx context.Context) (noderesources.Devices, error) { return devices.Devices(ctx) }
		if strategy := args.ScoringStrategy; strategy != nil {
			fit.Strategy = noderesources.Strategy{Type: strategy.Type, Resources: strategy.Resources}
			if shaped := strategy.RequestedToCapacityRatio; shaped != nil {
				fit.Strategy.Shape = shaped.Shape
			}
		}
		return fit, nil
	}
}

func (deps Deps) newDynamicResources(devices *dynamicresources.Ledger) func(fwk.Handle, *schedulerv1.DynamicResourcesArgs) (fwk.Plugin, error) {
	return func(handle fwk.Handle, args *schedulerv1.DynamicResourcesArgs) (fwk.Plugin, error) {
		plugin := &dynamicresources.Plugin{
			Ledger: devices, Clock: deps.Clock, Handle: handle, Metrics: deps.Metrics,
			FilterTimeout: schedulerv1.DynamicResourcesFilterTimeoutDefault, BindingTimeout: schedulerv1.DynamicResourcesBindingTimeoutDefault,
		}
		if args.FilterTimeout != nil {
			plugin.FilterTimeout = args.FilterTimeout.Duration
		}
		if args.BindingTimeout != nil {
			plugin.BindingTimeout = args.BindingTimeout.Duration
		}
		return plugin, nil
	}
}

func newBalanced(_ fwk.Handle, args *schedulerv1.NodeResourcesBalancedAllocationArgs) (fwk.Plugin, error) {
	return &noderesources.Balanced{Resources: args.Resources}, nil
}

func newNodeAffinity(_ fwk.Handle, args *schedulerv1.NodeAffinityArgs) (fwk.Plugin, error) {
	if args.AddedAffinity == nil {
		return &nodeaffinity.Plugin{}, nil
	}
	added, err := nodeaffinity.NewAdded(args.AddedAffinity)
	return &nodeaffinity.Plugin{Added: added}, err
}
