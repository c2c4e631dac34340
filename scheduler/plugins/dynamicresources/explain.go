package dynamicresources

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Explain says more of why Filter has refused a node: which claim is elsewhere, or how many devices of each class are asked for and free.
func (p *Plugin) Explain(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, info fwk.NodeInfo) string {
	n, node := read(cycle), info.Node()
	if n == nil {
		return ""
	}
	if all := n.elsewhere(pod, node); len(all) > 0 {
		return strings.Join(all, ", ")
	}
	devices, err := p.Devices(ctx)
	if err != nil {
		return ""
	}
	var all []string
	for _, w := range n.wishes(n.extendedOn(pod, info)) {
		class := &resourcev1.DeviceClass{}
		if err := p.Client.Get(ctx, client.ObjectKey{Name: w.class}, class); err != nil {
			continue
		}
		taken, there := devices.Count(ctx, node, class)
		all = append(all, fmt.Sprintf("%s: wants %s of class %s, free %d of %d", w.from, amount(w.count), w.class, there-taken, there))
	}
	return strings.Join(all, ", ")
}

// elsewhere says of claims that are allocated why the pod cannot use them on a node.
func (n *needs) elsewhere(pod *corev1.Pod, node *corev1.Node) []string {
	var all []string
	for _, claim := range n.claims {
		selector := n.selectors[claim.UID]
		switch {
		case n.broken.Has(claim.UID):
			all = append(all, fmt.Sprintf("the devices of claim %s did not get ready", claim.Name))
		case selector != nil && !selector.Match(node):
			all = append(all, fmt.Sprintf("claim %s has devices of other nodes%s", claim.Name, users(pod, claim)))
		}
	}
	return all
}

// wish is for devices of a class; a count of -1 is for all.
type wish struct {
	from, class string
	count       int64
}

// wishes are those of the claims that are still open and of the extended resources that a node lends, if it lends any: the first of each
// claim for each class.
func (n *needs) wishes(lent *extended) []wish {
	var all []wish
	add := func(w wish) {
		if !slices.ContainsFunc(all, func(o wish) bool { return o.from == w.from && o.class == w.class }) {
			all = append(all, w)
		}
	}
	for _, claim := range n.open {
		from := "claim " + claim.Name
		for i := range claim.Spec.Devices.Requests {
			request := &claim.Spec.Devices.Requests[i]
			if e := request.Exactly; e != nil {
				add(wish{from, e.DeviceClassName, count(e.AllocationMode, e.Count)})
			}
			for j := range request.FirstAvailable {
				sub := &request.FirstAvailable[j]
				add(wish{from, sub.DeviceClassName, count(sub.AllocationMode, sub.Count)})
			}
		}
	}
	if lent != nil {
		for i := range lent.requests {
			add(wish{"extended resources", lent.requests[i].Exactly.DeviceClassName, lent.requests[i].Exactly.Count})
		}
	}
	return all
}

// users are others that a claim is reserved for.
func users(pod *corev1.Pod, claim *resourcev1.ResourceClaim) string {
	var names []string
	for _, user := range claim.Status.ReservedFor {
		if user.UID != pod.UID {
			names = append(names, user.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " and is used by " + strings.Join(names, ", ")
}

// count is how many devices are asked for; -1 for all.
func count(mode resourcev1.DeviceAllocationMode, count int64) int64 {
	if mode == resourcev1.DeviceAllocationModeAll {
		return -1
	}
	return max(count, 1)
}

func amount(count int64) string {
	if count < 0 {
		return "all"
	}
	return fmt.Sprint(count)
}
