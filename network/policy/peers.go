package policy

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/coxswain-k8s/coxswain/network/packetfilter"
)

func selects(s *metav1.LabelSelector, set labels.Set) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(set)
}

// peers makes rules of peers, one for each so that they keep their order; no peers means anybody.
func (c *computation) peers(namespace string, all []networkingv1.NetworkPolicyPeer) []packetfilter.Rule {
	if len(all) == 0 {
		return []packetfilter.Rule{{}}
	}
	var out []packetfilter.Rule
	for i := range all {
		if all[i].IPBlock != nil {
			out = append(out, block(all[i].IPBlock))
		} else {
			out = append(out, packetfilter.Rule{Group: c.group(namespace, &all[i])})
		}
	}
	return out
}

// block of the API is valid; should it not be, it means nobody: an address that no packet has.
func block(b *networkingv1.IPBlock) packetfilter.Rule {
	p, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return packetfilter.Rule{Block: netip.PrefixFrom(netip.IPv4Unspecified(), 32)}
	}
	r := packetfilter.Rule{Block: p.Masked()}
	for _, s := range b.Except {
		if e, err := netip.ParsePrefix(s); err == nil {
			r.Except = append(r.Except, e.Masked())
		}
	}
	return r
}

// group registers the pods that a peer selects, under a name that stands for the selection: the same group has other members as
// pods come and go, and the rules that name it stay.
func (c *computation) group(namespace string, p *networkingv1.NetworkPolicyPeer) string {
	key := "namespace " + namespace
	if p.NamespaceSelector != nil {
		key = "namespaces " + metav1.FormatLabelSelector(p.NamespaceSelector)
	}
	if p.PodSelector != nil {
		key += " pods " + metav1.FormatLabelSelector(p.PodSelector)
	}
	name := hash(key)
	if _, known := c.out.Groups[name]; known {
		return name
	}
	members := []netip.Addr{}
	for _, pod := range c.selected(namespace, p) {
		members = append(members, addresses(pod)...)
	}
	slices.SortFunc(members, netip.Addr.Compare)
	c.out.Groups[name] = slices.Compact(members)
	return name
}

// selected are the pods with addresses of their own that a peer means.
func (c *computation) selected(namespace string, p *networkingv1.NetworkPolicyPeer) []*corev1.Pod {
	if p.IPBlock != nil {
		return nil
	}
	everyNamespace, pods := labels.Nothing(), labels.Everything()
	if p.NamespaceSelector != nil {
		if s, err := metav1.LabelSelectorAsSelector(p.NamespaceSelector); err == nil {
			everyNamespace = s
		}
	}
	if p.PodSelector != nil {
		s, err := metav1.LabelSelectorAsSelector(p.PodSelector)
		if err != nil {
			return nil
		}
		pods = s
	}
	var out []*corev1.Pod
	for _, pod := range c.Pods {
		inside := pod.Namespace == namespace
		if p.NamespaceSelector != nil {
			set, ok := c.Namespaces[pod.Namespace]
			inside = ok && everyNamespace.Matches(set)
		}
		if inside && onNetwork(pod) && pods.Matches(labels.Set(pod.Labels)) {
			out = append(out, pod)
		}
	}
	return out
}
