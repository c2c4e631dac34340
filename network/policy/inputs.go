package policy

import (
	"context"
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
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/network/dns"
	"github.com/coxswain-k8s/coxswain/network/packetfilter"
	"github.com/coxswain-k8s/coxswain/network/subscription"
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

// watchPolicies is all that goes on in a cluster without policies.
func (in *inputs) watchPolicies(ctx context.Context) (stop func(), err error) {
	return in.subscribe(ctx, kind(in, &networkingv1.NetworkPolicy{},
		func(p *networkingv1.NetworkPolicy) { in.policies[nameOf(p)] = p; in.wake() },
		func(p *networkingv1.NetworkPolicy) { delete(in.policies, nameOf(p)); in.wake() },
	))
}

// watchPeers begins when there is a policy.
func (in *inputs) watchPeers(ctx context.Context) (stop func(), err error) {
	return in.subscribe(ctx,
		kind(in, &corev1.Namespace{},
			func(n *corev1.Namespace) {
				if old, ok := in.namespaces[n.Name]; !ok || !maps.Equal(old, labels.Set(n.Labels)) {
					in.namespaces[n.Name] = n.Labels
					in.wake()
				}
			},
			func(n *corev1.Namespace) { delete(in.namespaces, n.Name); in.wake() },
		),
		kind(in, &corev1.Pod{},
			func(pod *corev1.Pod) {
				old := in.pods[nameOf(pod)]
				in.pods[nameOf(pod)] = pod
				if old == nil || matters(old, pod) {
					in.wake()
				}
			},
			func(pod *corev1.Pod) { delete(in.pods, nameOf(pod)); in.wake() },
		),
		kind(in, &discoveryv1.EndpointSlice{},
			func(s *discoveryv1.EndpointSlice) {
				if dns.IsOwn(s) {
					in.slices[s.Name] = s
					in.wake()
				}
			},
			func(s *discoveryv1.EndpointSlice) {
				if dns.IsOwn(s) {
					delete(in.slices, s.Name)
					in.wake()
				}
			},
		))
}

// matters tells whether a pod's change may change what is let through.
func matters(a, b *corev1.Pod) bool {
	return onNetwork(a) != onNetwork(b) || a.Spec.NodeName != b.Spec.NodeName ||
		!equality.Semantic.DeepEqual(a.Status.PodIPs, b.Status.PodIPs) || !maps.Equal(a.Labels, b.Labels)
}

func (in *inputs) subscribe(ctx context.Context, all ...subscription.Kind) (stop func(), err error) {
	s, err := subscription.Open(ctx, in.cache, all...)
	if err != nil {
		return nil, err
	}
	s.Wait(ctx)
	return s.Stop, nil
}

// kind is heard of with the lock held.
func kind[T client.Object](in *inputs, object T, set, remove func(T)) subscription.Kind {
	locked := func(do func(T)) func(T) {
		return func(o T) {
			in.mu.Lock()
			defer in.mu.Unlock()
			do(o)
		}
	}
	return subscription.Kind{Object: object, Handler: subscription.Handler(locked(set), locked(remove))}
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
