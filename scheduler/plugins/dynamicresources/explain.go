package dynamicresources

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Explain says more of why Filter has refused a node: which claim is elsewhere, or how many devices of each class are asked for and free.
func (p *Plugin) Explain(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, info fwk.NodeInfo) string {
	n, node := read(cycle), info.Node()
	if n == nil {
		return ""
	}
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
	if len(all) > 0 {
		return strings.Join(all, ", ")
	}
	devices, err := p.Devices(ctx)
	if err != nil {
		return ""
	}
	told := sets.New[string]()
	tell := func(from, class string, count int64) {
		key := from + "/" + class
		if told.Has(key) {
			return
		}
		told.Insert(key)
		known := &resourcev1.DeviceClass{}
		if err := p.Client.Get(ctx, client.ObjectKey{Name: class}, known); err != nil {
			return
		}
		taken, there := devices.Count(ctx, node, known)
		all = append(all, fmt.Sprintf("%s: wants %s of class %s, free %d of %d", from, amount(count), class, there-taken, there))
	}
	for _, claim := range n.open {
		for i := range claim.Spec.Devices.Requests {
			request := &claim.Spec.Devices.Requests[i]
			if request.Exactly != nil {
				tell("claim "+claim.Name, request.Exactly.DeviceClassName, count(request.Exactly.AllocationMode, request.Exactly.Count))
			}
			for j := range request.FirstAvailable {
				sub := &request.FirstAvailable[j]
				tell("claim "+claim.Name, sub.DeviceClassName, count(sub.AllocationMode, sub.Count))
			}
		}
	}
	if e := n.extendedOn(pod, info); e != nil {
		for i := range e.requests {
			tell("extended resources", e.requests[i].Exactly.DeviceClassName, e.requests[i].Exactly.Count)
		}
	}
	return strings.Join(all, ", ")
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
