package simulated

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// addresses of pods: one each, until the pod is gone. One goroutine uses them.
type addresses struct {
	network netip.Prefix
	last    netip.Addr // that was given
	taken   map[netip.Addr]types.UID
	by      map[types.UID]netip.Addr
}

func newAddresses(network netip.Prefix) *addresses {
	return &addresses{network: network, last: network.Addr(), taken: map[netip.Addr]types.UID{}, by: map[types.UID]netip.Addr{}}
}

// of returns the address of a pod: the one that it has, or the next that is free. Nothing is sent to it: when all are taken one is
// given twice.
func (a *addresses) of(pod *corev1.Pod) string {
	if address, ok := a.by[pod.UID]; ok {
		return address.String()
	}
	address, err := netip.ParseAddr(pod.Status.PodIP) // from an earlier run
	if err != nil {
		address = a.free()
	}
	a.taken[address], a.by[pod.UID] = pod.UID, address
	return address.String()
}

func (a *addresses) free() netip.Addr {
	for range len(a.taken) + 1 {
		if a.last = a.last.Next(); !a.network.Contains(a.last) {
			a.last = a.network.Addr().Next()
		}
		if _, taken := a.taken[a.last]; !taken {
			break
		}
	}
	return a.last
}

func (a *addresses) release(uid types.UID) {
	if address, ok := a.by[uid]; ok {
		delete(a.by, uid)
		delete(a.taken, address)
	}
}
