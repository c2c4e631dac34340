// Package volumerestrictions refuses nodes where another pod uses a volume that the pod wants for itself: disks that one
// pod at a time may write, and claims of the mode ReadWriteOncePod.
package volumerestrictions

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
)

// Name in configurations.
const Name = "VolumeRestrictions"

const (
	diskConflict  = "node(s) had no available disk"
	claimConflict = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)

// Plugin implements PreFilter and Filter.
type Plugin struct {
	Handle fwk.Handle
	Client client.Reader
}

var (
	_ fwk.PreFilterPlugin     = &Plugin{}
	_ fwk.PreFilterExtensions = &Plugin{}
	_ fwk.FilterPlugin        = &Plugin{}
	_ fwk.EnqueueExtensions   = &Plugin{}
)

// exclusive are the pod's claims that nobody else may use, and how many others do.
type exclusive struct {
	claims []string
	users  int
}

// Clone implements fwk.StateData.
func (e *exclusive) Clone() fwk.StateData {
	c := *e
	return &c
}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	e := &exclusive{}
	for i := range pod.Spec.Volumes {
		v := pod.Spec.Volumes[i].PersistentVolumeClaim
		if v == nil {
			continue // nobody else uses the claim of an ephemeral volume
		}
		claim := &corev1.PersistentVolumeClaim{}
		if err := p.Client.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: v.ClaimName}, claim); apierrors.IsNotFound(err) {
			return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, fmt.Sprintf("persistentvolumeclaim %q not found", v.ClaimName))
		} else if err != nil {
			return nil, fwk.AsStatus(fmt.Errorf("reading claim %s/%s: %w", pod.Namespace, v.ClaimName, err))
		}
		if slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteOncePod) {
			e.claims = append(e.claims, claim.Name)
			if p.Handle.SnapshotSharedLister().StorageInfos().IsPVCUsedByPods(claim.Namespace + "/" + claim.Name) {
				e.users++
			}
		}
	}
	if len(e.claims) == 0 && !slices.ContainsFunc(pod.Spec.Volumes, isDisk) {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	cycle.Write(Name, e)
	return nil, nil
}

// Filter implements fwk.FilterPlugin.
func (*Plugin) Filter(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	for i := range pod.Spec.Volumes {
		if !isDisk(pod.Spec.Volumes[i]) {
			continue
		}
		for _, other := range node.GetPods() {
			if slices.ContainsFunc(other.GetPod().Spec.Volumes, func(v corev1.Volume) bool { return conflict(&pod.Spec.Volumes[i], &v) }) {
				return fwk.NewStatus(fwk.Unschedulable, diskConflict)
			}
		}
	}
	data, err := cycle.Read(Name)
	if err != nil {
		return fwk.AsStatus(err)
	}
	if data.(*exclusive).users > 0 {
		return fwk.NewStatus(fwk.Unschedulable, claimConflict)
	}
	return nil
}

func isDisk(v corev1.Volume) bool {
	return v.GCEPersistentDisk != nil || v.AWSElasticBlockStore != nil || v.RBD != nil || v.ISCSI != nil
}

// conflict says whether two pods on one node must not use these volumes together.
func conflict(a, b *corev1.Volume) bool {
	switch {
	case a.GCEPersistentDisk != nil && b.GCEPersistentDisk != nil:
		return a.GCEPersistentDisk.PDName == b.GCEPersistentDisk.PDName && !(a.GCEPersistentDisk.ReadOnly && b.GCEPersistentDisk.ReadOnly)
	case a.AWSElasticBlockStore != nil && b.AWSElasticBlockStore != nil:
		return a.AWSElasticBlockStore.VolumeID == b.AWSElasticBlockStore.VolumeID
	case a.ISCSI != nil && b.ISCSI != nil:
		return a.ISCSI.IQN == b.ISCSI.IQN && !(a.ISCSI.ReadOnly && b.ISCSI.ReadOnly)
	case a.RBD != nil && b.RBD != nil:
		shared := slices.ContainsFunc(a.RBD.CephMonitors, func(m string) bool { return slices.Contains(b.RBD.CephMonitors, m) })
		return shared && a.RBD.RBDPool == b.RBD.RBDPool && a.RBD.RBDImage == b.RBD.RBDImage && !(a.RBD.ReadOnly && b.RBD.ReadOnly)
	}
	return false
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return p }

// AddPod implements fwk.PreFilterExtensions.
func (*Plugin) AddPod(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, added fwk.PodInfo, _ fwk.NodeInfo) *fwk.Status {
	return move(cycle, pod, added.GetPod(), 1)
}

// RemovePod implements fwk.PreFilterExtensions.
func (*Plugin) RemovePod(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, removed fwk.PodInfo, _ fwk.NodeInfo) *fwk.Status {
	return move(cycle, pod, removed.GetPod(), -1)
}

func move(cycle fwk.CycleState, pod, other *corev1.Pod, sign int) *fwk.Status {
	data, err := cycle.Read(Name)
	if err != nil {
		return fwk.AsStatus(err)
	}
	e := data.(*exclusive)
	for _, name := range volumes.Names(other) {
		if other.Namespace == pod.Namespace && slices.Contains(e.claims, name) {
			e.users += sign
		}
	}
	return nil
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, QueueingHintFn: podHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add}},
		{Event: fwk.ClusterEvent{Resource: fwk.PersistentVolumeClaim, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: volumes.OfPod},
	}, nil
}

// podHelps: a pod that is gone and used a disk or a claim that the pod wants for itself.
func podHelps(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	gone, _ := happened.To[corev1.Pod](old, changed)
	if gone == nil {
		return fwk.Queue, nil
	}
	for i := range waiting.Spec.Volumes {
		if slices.ContainsFunc(gone.Spec.Volumes, func(v corev1.Volume) bool { return conflict(&waiting.Spec.Volumes[i], &v) }) {
			return fwk.Queue, nil
		}
	}
	names := volumes.Names(gone)
	if gone.Namespace == waiting.Namespace && slices.ContainsFunc(volumes.Names(waiting), func(name string) bool { return slices.Contains(names, name) }) {
		return fwk.Queue, nil
	}
	return fwk.QueueSkip, nil
}
