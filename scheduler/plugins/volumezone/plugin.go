// Package volumezone refuses nodes that are in another zone or region than a volume of the pod, as the volume's labels say.
package volumezone

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
)

// Name in configurations.
const Name = "VolumeZone"

// Plugin implements PreFilter and Filter.
type Plugin struct {
	Client client.Reader
}

var (
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// place is where a volume is: the values that a label of nodes may have.
type place struct {
	key    string
	values []string
}

type places []place

// Clone implements fwk.StateData.
func (p places) Clone() fwk.StateData { return p }

// topology are the labels by which volumes and nodes say where they are.
func topology() [4]string {
	return [...]string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion, corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion}
}

// alias of a label: those of old go with their successors.
func alias(key string) string {
	switch key {
	case corev1.LabelTopologyZone:
		return corev1.LabelFailureDomainBetaZone
	case corev1.LabelTopologyRegion:
		return corev1.LabelFailureDomainBetaRegion
	case corev1.LabelFailureDomainBetaZone:
		return corev1.LabelTopologyZone
	default:
		return corev1.LabelTopologyRegion
	}
}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if len(volumes.Names(pod)) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	claims, status := volumes.Claims(ctx, p.Client, pod)
	if status != nil {
		return nil, status
	}
	var all places
	for _, claim := range claims {
		if claim.Spec.VolumeName == "" {
			continue
		}
		v, err := volumes.Volume(ctx, p.Client, claim.Spec.VolumeName)
		if err != nil {
			return nil, fwk.AsStatus(err)
		}
		if v == nil {
			return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, fmt.Sprintf("persistentvolume %q not found", claim.Spec.VolumeName))
		}
		for _, key := range topology() {
			if value, ok := v.Labels[key]; ok {
				all = append(all, place{key, strings.Split(value, "__")})
			}
		}
	}
	if len(all) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	cycle.Write(Name, all)
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin. A node that does not say where it is fits, for there may be no zones at all.
func (*Plugin) Filter(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	data, err := cycle.Read(Name)
	if err != nil {
		return fwk.AsStatus(err)
	}
	labels, keys := node.Node().Labels, topology()
	if !slices.ContainsFunc(keys[:], func(key string) bool { _, ok := labels[key]; return ok }) {
		return nil
	}
	for _, place := range data.(places) {
		value, ok := labels[place.key]
		if !ok {
			value, ok = labels[alias(place.key)]
		}
		if !ok || !slices.Contains(place.values, value) {
			return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) had no available volume zone")
		}
	}
	return nil
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.PersistentVolumeClaim, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: volumes.OfPod},
		{Event: fwk.ClusterEvent{Resource: fwk.PersistentVolume, ActionType: fwk.Add | fwk.Update}},
		{Event: fwk.ClusterEvent{Resource: fwk.StorageClass, ActionType: fwk.Add}},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel}, QueueingHintFn: nodeHelps},
	}, nil
}

// nodeHelps: a node that has come, or is somewhere else now.
func nodeHelps(_ klog.Logger, _ *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[corev1.Node](old, changed)
	if before == nil || now == nil {
		return fwk.Queue, nil
	}
	for _, key := range topology() {
		if before.Labels[key] != now.Labels[key] {
			return fwk.Queue, nil
		}
	}
	return fwk.QueueSkip, nil
}
