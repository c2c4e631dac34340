package proxy

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// inputs is what the informers have said, and which Services it concerns. The objects are the cache's own and never changed.
type inputs struct {
	// wake has an element when there is something to do. Nothing is sent before every informer is complete.
	wake chan struct{}

	mu       sync.Mutex
	complete bool
	node     rules.Node
	going    bool
	podCIDRs []netip.Prefix
	services map[types.NamespacedName]*corev1.Service
	slices   map[types.NamespacedName]map[string]*discoveryv1.EndpointSlice
	dirty    map[types.NamespacedName]bool
}

func newInputs(nodeName string) *inputs {
	return &inputs{
		wake:     make(chan struct{}, 1),
		node:     rules.Node{Name: nodeName},
		services: map[types.NamespacedName]*corev1.Service{},
		slices:   map[types.NamespacedName]map[string]*discoveryv1.EndpointSlice{},
		dirty:    map[types.NamespacedName]bool{},
	}
}

// start subscribes to the informers and waits until they are complete. The function that it returns ends the subscriptions.
func (in *inputs) start(ctx context.Context, c cache.Cache) (stop func(), err error) {
	var ends []func()
	stop = func() {
		for _, end := range ends {
			end()
		}
	}
	var synced []toolscache.InformerSynced
	for _, s := range []struct {
		object  client.Object
		handler toolscache.ResourceEventHandler
	}{
		{&corev1.Node{}, handler(in.setNode, nil)},
		{&corev1.Service{}, handler(in.setService, in.deleteService)},
		{&discoveryv1.EndpointSlice{}, handler(in.setSlice, in.deleteSlice)},
	} {
		informer, err := c.GetInformer(ctx, s.object)
		if err != nil {
			stop()
			return nil, fmt.Errorf("getting the informer of %T: %w", s.object, err)
		}
		registration, err := informer.AddEventHandler(s.handler)
		if err != nil {
			stop()
			return nil, fmt.Errorf("subscribing to %T: %w", s.object, err)
		}
		ends = append(ends, func() { _ = informer.RemoveEventHandler(registration) })
		synced = append(synced, registration.HasSynced)
	}
	if !toolscache.WaitForCacheSync(ctx.Done(), synced...) && ctx.Err() == nil {
		stop()
		return nil, fmt.Errorf("waiting for Services and EndpointSlices: %w", context.Cause(ctx))
	}
	in.mu.Lock()
	in.complete = true
	in.mu.Unlock()
	in.signal()
	return stop, nil
}

// handler makes an event handler of typed functions; nil ignores the deletion.
func handler[T client.Object](set, remove func(T)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { set(o.(T)) },
		UpdateFunc: func(_, o any) { set(o.(T)) },
		DeleteFunc: func(o any) {
			if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			if t, ok := o.(T); ok && remove != nil {
				remove(t)
			}
		},
	}
}

func (in *inputs) setNode(n *corev1.Node) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if n.Name != in.node.Name {
		return
	}
	in.going = n.DeletionTimestamp != nil || slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool {
		return t.Key == taintToBeDeleted
	})
	in.podCIDRs = podCIDRs(n)
	if zone := n.Labels[corev1.LabelTopologyZone]; zone != in.node.Zone {
		in.node.Zone = zone
		for name := range in.services {
			in.dirty[name] = true
		}
	}
	in.signalLocked()
}

// podCIDRs are the networks of the node's pods.
func podCIDRs(n *corev1.Node) []netip.Prefix {
	all := n.Spec.PodCIDRs
	if len(all) == 0 {
		all = []string{n.Spec.PodCIDR}
	}
	var out []netip.Prefix
	for _, s := range all {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

// taintToBeDeleted is what the cluster autoscaler puts on a node that it is about to remove.
const taintToBeDeleted = "ToBeDeletedByClusterAutoscaler"

func (in *inputs) setService(s *corev1.Service) {
	in.mu.Lock()
	defer in.mu.Unlock()
	name := types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
	in.services[name] = s
	in.touch(name)
}

func (in *inputs) deleteService(s *corev1.Service) {
	in.mu.Lock()
	defer in.mu.Unlock()
	name := types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
	delete(in.services, name)
	in.touch(name)
}

func (in *inputs) setSlice(s *discoveryv1.EndpointSlice) {
	in.mu.Lock()
	defer in.mu.Unlock()
	name, ok := serviceOf(s)
	if !ok {
		return
	}
	if in.slices[name] == nil {
		in.slices[name] = map[string]*discoveryv1.EndpointSlice{}
	}
	in.slices[name][s.Name] = s
	in.touch(name)
}

func (in *inputs) deleteSlice(s *discoveryv1.EndpointSlice) {
	in.mu.Lock()
	defer in.mu.Unlock()
	name, ok := serviceOf(s)
	if !ok {
		return
	}
	delete(in.slices[name], s.Name)
	if len(in.slices[name]) == 0 {
		delete(in.slices, name)
	}
	in.touch(name)
}

// serviceOf returns the Service that a slice belongs to, unless the slice is none of ours.
func serviceOf(s *discoveryv1.EndpointSlice) (types.NamespacedName, bool) {
	_, other := s.Labels[rules.LabelServiceProxyName]
	_, headless := s.Labels[corev1.IsHeadlessService]
	name := s.Labels[discoveryv1.LabelServiceName]
	return types.NamespacedName{Namespace: s.Namespace, Name: name}, name != "" && !other && !headless
}

func (in *inputs) touch(name types.NamespacedName) {
	in.dirty[name] = true
	in.signalLocked()
}

func (in *inputs) signalLocked() {
	if in.complete {
		in.signal()
	}
}

func (in *inputs) signal() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// update computes the rules of the Services that something has happened to.
func (in *inputs) update(state *rules.State) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for name := range in.dirty {
		svc, ok := in.services[name]
		if !ok {
			state.Set(name, 0, rules.ServiceRules{})
			continue
		}
		all := slices.Collect(maps.Values(in.slices[name]))
		state.Set(name, rules.Age(svc.CreationTimestamp.Unix()), rules.Compute(svc, all, in.node))
	}
	clear(in.dirty)
}

// ownPods are the networks of the node's pods, once they are known.
func (in *inputs) ownPods() []netip.Prefix {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.podCIDRs
}

// nodeGoing tells whether the node is about to be removed, so that load balancers should leave it.
func (in *inputs) nodeGoing() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.going
}
