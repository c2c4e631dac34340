package policy

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/network/dns"
	"github.com/coxswain-k8s/coxswain/network/packetfilter"
)

// inputs is what the informers have said. The objects are the cache's own and never changed.
type inputs struct {
	cache cache.Cache
	wake  func()

	mu         sync.Mutex
	policies   map[types.NamespacedName]*networkingv1.NetworkPolicy
	namespaces map[string]labels.Set
	pods       map[types.NamespacedName]*corev1.Pod
	slices     map[string]*discoveryv1.EndpointSlice
}

func newInputs(c cache.Cache, wake func()) *inputs {
	return &inputs{
		cache: c, wake: wake,
		policies:   map[types.NamespacedName]*networkingv1.NetworkPolicy{},
		namespaces: map[string]labels.Set{},
		pods:       map[types.NamespacedName]*corev1.Pod{},
		slices:     map[string]*discoveryv1.EndpointSlice{},
	}
}

func nameOf(o client.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// subscription is to one kind of object.
type subscription struct {
	object      client.Object
	set, remove func(client.Object)
}

// watchPolicies is all that goes on in a cluster without policies.
func (in *inputs) watchPolicies(ctx context.Context) (stop func(), err error) {
	return in.subscribe(ctx, subscription{
		&networkingv1.NetworkPolicy{},
		func(o client.Object) { in.policies[nameOf(o)] = o.(*networkingv1.NetworkPolicy); in.wake() },
		func(o client.Object) { delete(in.policies, nameOf(o)); in.wake() },
	})
}

// watchPeers begins when there is a policy.
func (in *inputs) watchPeers(ctx context.Context) (stop func(), err error) {
	return in.subscribe(ctx,
		subscription{
			&corev1.Namespace{},
			func(o client.Object) {
				if old, ok := in.namespaces[o.GetName()]; !ok || !maps.Equal(old, labels.Set(o.GetLabels())) {
					in.namespaces[o.GetName()] = o.GetLabels()
					in.wake()
				}
			},
			func(o client.Object) { delete(in.namespaces, o.GetName()); in.wake() },
		},
		subscription{
			&corev1.Pod{},
			func(o client.Object) {
				pod := o.(*corev1.Pod)
				old := in.pods[nameOf(o)]
				in.pods[nameOf(o)] = pod
				if old == nil || matters(old, pod) {
					in.wake()
				}
			},
			func(o client.Object) { delete(in.pods, nameOf(o)); in.wake() },
		},
		subscription{
			&discoveryv1.EndpointSlice{},
			func(o client.Object) {
				if s := o.(*discoveryv1.EndpointSlice); dns.IsOwn(s) {
					in.slices[s.Name] = s
					in.wake()
				}
			},
			func(o client.Object) {
				if s := o.(*discoveryv1.EndpointSlice); dns.IsOwn(s) {
					delete(in.slices, s.Name)
					in.wake()
				}
			},
		})
}

// matters tells whether a pod's change may change what is let through.
func matters(a, b *corev1.Pod) bool {
	return onNetwork(a) != onNetwork(b) || a.Spec.NodeName != b.Spec.NodeName ||
		!equality.Semantic.DeepEqual(a.Status.PodIPs, b.Status.PodIPs) || !maps.Equal(a.Labels, b.Labels)
}

func (in *inputs) subscribe(ctx context.Context, all ...subscription) (stop func(), err error) {
	var ends []func()
	stop = func() {
		for _, end := range ends {
			end()
		}
	}
	var synced []toolscache.InformerSynced
	for _, s := range all {
		informer, err := in.cache.GetInformer(ctx, s.object)
		if err != nil {
			stop()
			return nil, fmt.Errorf("getting the informer of %T: %w", s.object, err)
		}
		registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { in.locked(s.set, o) },
			UpdateFunc: func(_, o any) { in.locked(s.set, o) },
			DeleteFunc: func(o any) {
				if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
					o = gone.Obj
				}
				in.locked(s.remove, o)
			},
		})
		if err != nil {
			stop()
			return nil, fmt.Errorf("subscribing to %T: %w", s.object, err)
		}
		ends = append(ends, func() { _ = informer.RemoveEventHandler(registration) })
		synced = append(synced, registration.HasSynced)
	}
	toolscache.WaitForCacheSync(ctx.Done(), synced...)
	return stop, nil
}

func (in *inputs) locked(do func(client.Object), o any) {
	object, ok := o.(client.Object)
	if !ok {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	do(object)
}

func (in *inputs) anyPolicies() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.policies) > 0
}

// compute is what follows from what is known now.
func (in *inputs) compute(node string) *packetfilter.Isolation {
	in.mu.Lock()
	defer in.mu.Unlock()
	return compute(Input{
		Node: node, Policies: slices.Collect(maps.Values(in.policies)), Namespaces: in.namespaces,
		Pods: slices.Collect(maps.Values(in.pods)), NameServers: in.nameServers(),
	})
}

func (in *inputs) nameServers() []packetfilter.PodPort {
	var out []packetfilter.PodPort
	for _, s := range in.slices {
		for i := range s.Endpoints {
			for _, address := range s.Endpoints[i].Addresses {
				a, err := netip.ParseAddr(address)
				if err != nil {
					continue
				}
				for _, p := range s.Ports {
					if p.Port != nil && p.Protocol != nil {
						out = append(out, packetfilter.PodPort{Address: a, Protocol: *p.Protocol, Port: uint16(*p.Port)}) //nolint:gosec // ports are validated
					}
				}
			}
		}
	}
	return out
}
