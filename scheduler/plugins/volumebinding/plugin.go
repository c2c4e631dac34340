// Package volumebinding brings pods to their volumes: it refuses nodes that the volumes of the pod's claims cannot be used
// on, and for claims that wait for their first consumer it chooses volumes, or has them provisioned, where the pod goes.
//
//	PreFilter: which claims are bound, which wait -> Filter: volumes for them on each node (choose.go)
//	-> Reserve: nobody else gets these volumes -> PreBind: write it, and wait until the claims are bound (bind.go)
package volumebinding

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/storage/volume"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/bell"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
)

// Name in configurations.
const Name = "VolumeBinding"

// Plugin implements PreFilter, Filter, Reserve and PreBind.
type Plugin struct {
	Client client.Client
	// Informers tell when claims change.
	Informers cache.Informers
	// Timeout of a binding. Default 10 minutes.
	Timeout time.Duration

	mu      sync.Mutex
	assumed map[string]*corev1.PersistentVolume // volumes that are given away and do not show it yet
	bell    bell.Bell                           // rings when a claim changes, from the first binding on
	lost    bell.Bell                           // rings when a volume comes or goes, or loses its claim
}

var (
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.ReservePlugin     = &Plugin{}
	_ fwk.PreBindPlugin     = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// needs are the claims of one pod, and what was chosen for them on each node.
type needs struct {
	bound []reach
	late  []*corev1.PersistentVolumeClaim

	mu      sync.Mutex
	choices map[string]*choice
}

// Clone implements fwk.StateData.
func (n *needs) Clone() fwk.StateData { return n }

// Close ends what the plugin listens to.
func (p *Plugin) Close() {
	p.bell.Close()
	p.lost.Close()
}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	claims, status := volumes.Claims(ctx, p.Client, pod)
	if status != nil {
		return nil, status
	}
	if len(claims) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	n := &needs{choices: map[string]*choice{}}
	for _, claim := range claims {
		if isBound(claim) {
			v, err := volumes.Volume(ctx, p.Client, claim.Spec.VolumeName)
			if err != nil {
				return nil, fwk.AsStatus(err)
			}
			n.bound = append(n.bound, reachOf(v))
			continue
		}
		class, err := volumes.Class(ctx, p.Client, claim)
		if err != nil {
			return nil, fwk.AsStatus(err)
		}
		if claim.Spec.VolumeName != "" || !volumes.Late(class) {
			return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "pod has unbound immediate PersistentVolumeClaims")
		}
		n.late = append(n.late, claim)
	}
	cycle.Write(Name, n)
	return nil, nil
}

func isBound(claim *corev1.PersistentVolumeClaim) bool {
	_, completed := claim.Annotations[volume.AnnBindCompleted]
	return completed && claim.Spec.VolumeName != ""
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin.
func (p *Plugin) Filter(ctx context.Context, cycle fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	n, err := read(cycle)
	if err != nil {
		return fwk.AsStatus(err)
	}
	chosen, reasons, err := p.choose(ctx, n, node.Node())
	if err != nil {
		return fwk.AsStatus(err)
	}
	if len(reasons) > 0 {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, reasons...)
	}
	if chosen == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.choices[node.Node().Name] = chosen
	return nil
}

func read(cycle fwk.CycleState) (*needs, error) {
	data, err := cycle.Read(Name)
	if err != nil {
		return nil, err
	}
	return data.(*needs), nil
}

// chosen returns what was chosen for the pod on the node; nil if nothing had to be.
func chosen(cycle fwk.CycleState, node string) *choice {
	n, err := read(cycle)
	if err != nil {
		return nil // a pod without claims
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.choices[node]; c != nil && len(c.bindings)+len(c.provisions) > 0 {
		return c
	}
	return nil
}

// Reserve implements fwk.ReservePlugin.
func (p *Plugin) Reserve(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, node string) *fwk.Status {
	c := chosen(cycle, node)
	if c == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.assumed == nil {
		p.assumed = map[string]*corev1.PersistentVolume{}
	}
	for _, b := range c.bindings {
		p.assumed[b.volume.Name] = b.volume
	}
	return nil
}

// Unreserve implements fwk.ReservePlugin.
func (p *Plugin) Unreserve(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, node string) {
	if c := chosen(cycle, node); c != nil {
		p.forget(c)
	}
}

// forget ends assumptions, because they are true by now or because they will not come true.
func (p *Plugin) forget(c *choice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range c.bindings {
		if p.assumed[b.volume.Name] == b.volume {
			delete(p.assumed, b.volume.Name)
		}
	}
}

// PreBindPreFlight implements fwk.PreBindPlugin.
func (*Plugin) PreBindPreFlight(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, node string) (*fwk.PreBindPreFlightResult, *fwk.Status) {
	if chosen(cycle, node) == nil {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	return nil, nil
}
