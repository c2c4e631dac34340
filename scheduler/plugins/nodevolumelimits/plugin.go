// Package nodevolumelimits refuses nodes to which no more volumes of a CSI driver can be attached.
//
//	PreFilter: the volumes of the pod, by driver -> Filter: is there room for them on a node?
//
// What is in use on a node is counted when it is asked for first (tally.go) and again when the node's pods, a claim of them, its volume or
// the node's limits have changed, as the informers tell (listen.go).
package nodevolumelimits

import (
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/storage/intree"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
)

// Name in configurations.
const Name = "NodeVolumeLimits"

// Plugin implements PreFilter and Filter.
type Plugin struct {
	Client client.Reader
	// Informers tell when what Client reads changes. Without them everything is read and counted each time.
	Informers cache.Informers

	mu            sync.Mutex
	registrations []registration
	drivers       map[string]driver
	claims        map[types.NamespacedName]*claim
	byVolume      map[string][]types.NamespacedName // claims that name a volume
	missing       int                               // among claims: those that are not there
	tallies       []tally                           // by positions of nodes in the snapshot
	forgotten     int                               // how often all claims were forgotten
}

var (
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// wish is what a pod attaches of one driver.
type wish struct {
	driver  driver
	volumes []attached
}

type wishes []wish

// Clone implements fwk.StateData: they are never changed.
func (w wishes) Clone() fwk.StateData { return w }

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if !attaches(pod) {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.listen(ctx); err != nil {
		return nil, fwk.AsStatus(err)
	}
	var wanted wishes
	err := p.each(ctx, pod, func(c *claim) {
		if c.counts {
			wanted = wanted.with(c.attached)
		}
	})
	if err != nil {
		return nil, fwk.AsStatus(err)
	}
	if len(wanted) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	cycle.Write(Name, wanted)
	return nil, nil
}

// attaches says whether a pod has volumes that may have to be attached.
func attaches(pod *corev1.Pod) bool {
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; volumes.Name(pod, v) != "" || intree.Inline(v, pod.Namespace) != nil {
			return true
		}
	}
	return false
}

// with adds a volume, if it is not among them.
func (w wishes) with(v attached) wishes {
	at := slices.IndexFunc(w, func(w wish) bool { return w.driver == v.driver })
	if at < 0 {
		return append(w, wish{v.driver, []attached{v}})
	}
	if !slices.Contains(w[at].volumes, v) {
		w[at].volumes = append(w[at].volumes, v)
	}
	return w
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin.
func (p *Plugin) Filter(ctx context.Context, cycle fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	data, err := cycle.Read(Name)
	if err != nil {
		return fwk.AsStatus(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t, err := p.tally(ctx, node)
	if err != nil {
		return fwk.AsStatus(err)
	}
	for _, wanted := range data.(wishes) {
		if !t.hasRoom(wanted) {
			return fwk.NewStatus(fwk.Unschedulable, "node(s) exceed max volume count")
		}
	}
	return nil
}
