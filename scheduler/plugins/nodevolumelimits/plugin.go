// Package nodevolumelimits refuses nodes to which no more volumes of a CSI driver can be attached.
package nodevolumelimits

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
)

// Name in configurations.
const Name = "NodeVolumeLimits"

// Plugin implements PreFilter and Filter.
type Plugin struct {
	Client client.Reader
}

var (
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// attached is a volume by driver and handle; claims without a volume yet count by their names.
type attached struct{ driver, handle string }

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter implements fwk.PreFilterPlugin.
func (*Plugin) PreFilter(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if len(volumes.Names(pod)) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin.
func (p *Plugin) Filter(ctx context.Context, _ fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	limits, err := p.limits(ctx, node.Node().Name)
	if err != nil {
		return fwk.AsStatus(err)
	}
	if len(limits) == 0 {
		return nil
	}
	wanted, used := map[attached]struct{}{}, map[attached]struct{}{}
	if err := p.collect(ctx, pod, wanted); err != nil {
		return fwk.AsStatus(err)
	}
	for _, other := range node.GetPods() {
		if err := p.collect(ctx, other.GetPod(), used); err != nil {
			return fwk.AsStatus(err)
		}
	}
	more, all := map[string]int{}, map[string]int{}
	for volume := range used {
		all[volume.driver]++
	}
	for volume := range wanted {
		if _, there := used[volume]; !there {
			more[volume.driver]++
		}
	}
	for driver, n := range more {
		if limit, ok := limits[driver]; ok && all[driver]+n > limit {
			return fwk.NewStatus(fwk.Unschedulable, "node(s) exceed max volume count")
		}
	}
	return nil
}

// limits of a node by driver.
func (p *Plugin) limits(ctx context.Context, node string) (map[string]int, error) {
	var info storagev1.CSINode
	if err := p.Client.Get(ctx, client.ObjectKey{Name: node}, &info); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	limits := map[string]int{}
	for _, driver := range info.Spec.Drivers {
		if driver.Allocatable != nil && driver.Allocatable.Count != nil {
			limits[driver.Name] = int(*driver.Allocatable.Count)
		}
	}
	return limits, nil
}

// collect adds the volumes of CSI drivers that a pod attaches.
func (p *Plugin) collect(ctx context.Context, pod *corev1.Pod, into map[attached]struct{}) error {
	for _, name := range volumes.Names(pod) {
		var claim corev1.PersistentVolumeClaim
		if err := p.Client.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: name}, &claim); err != nil {
			if client.IgnoreNotFound(err) == nil {
				continue
			}
			return fmt.Errorf("reading claim %s/%s: %w", pod.Namespace, name, err)
		}
		if claim.Spec.VolumeName != "" {
			v, err := volumes.Volume(ctx, p.Client, claim.Spec.VolumeName)
			if err != nil {
				return err
			}
			if v != nil {
				if v.Spec.CSI != nil {
					into[attached{v.Spec.CSI.Driver, v.Spec.CSI.VolumeHandle}] = struct{}{}
				}
				continue
			}
		}
		class, err := volumes.Class(ctx, p.Client, &claim)
		if err != nil {
			return err
		}
		if class != nil {
			into[attached{class.Provisioner, "claim " + pod.Namespace + "/" + name}] = struct{}{}
		}
	}
	return nil
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.CSINode, ActionType: fwk.Add | fwk.Update}},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}},
		{Event: fwk.ClusterEvent{Resource: fwk.PersistentVolumeClaim, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: volumes.OfPod},
		{Event: fwk.ClusterEvent{Resource: fwk.VolumeAttachment, ActionType: fwk.Delete}},
	}, nil
}
