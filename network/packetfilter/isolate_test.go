package packetfilter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/test/netns"
)

// Whatever follows whatever, the kernel accepts the difference.
func TestRandomIsolations(t *testing.T) {
	ns := netns.New(t, "node")
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that repeats itself
	isolator := NewIsolator()
	for round := range 60 {
		next := randomIsolation(random)
		if round%20 == 19 {
			next = &Isolation{}
		}
		if round%30 == 29 {
			isolator = NewIsolator() // a new process finds what the old one left
		}
		ns.Do(t, func() error {
			if err := isolator.Set(next); err != nil {
				return fmt.Errorf("round %d: %w", round, err)
			}
			if isolator.tables[0].have == nil {
				return fmt.Errorf("round %d: nothing was written", round)
			}
			return nil
		})
	}
}

func randomIsolation(r *rand.Rand) *Isolation {
	i := &Isolation{
		Ingress: map[netip.Addr]string{}, Egress: map[netip.Addr]string{}, Lists: map[string][]Rule{},
		Groups: map[string][]netip.Addr{}, Ports: map[string][]PodPort{},
	}
	address := func() netip.Addr {
		if r.IntN(2) == 0 {
			return netip.MustParseAddr(fmt.Sprintf("10.42.1.%d", r.IntN(8)))
		}
		return netip.MustParseAddr(fmt.Sprintf("fd42:1::%d", r.IntN(8)))
	}
	for range r.IntN(6) {
		group := fmt.Sprint(r.IntN(4))
		i.Groups[group] = append(i.Groups[group], address())
		ports := fmt.Sprint(r.IntN(4))
		i.Ports[ports] = append(i.Ports[ports], PodPort{address(), corev1.ProtocolTCP, uint16(r.IntN(3) + 1)}) //nolint:gosec // it fits
	}
	rules := func() (out []Rule) {
		for group := range i.Groups {
			out = append(out, Rule{Group: group, Protocol: corev1.ProtocolUDP, Port: 53})
		}
		for ports := range i.Ports {
			out = append(out, Rule{Ports: ports})
		}
		for range r.IntN(3) {
			block := netip.PrefixFrom(address(), r.IntN(30)).Masked()
			out = append(out, Rule{Block: block, Except: []netip.Prefix{netip.PrefixFrom(block.Addr(), 31)}, Protocol: corev1.ProtocolTCP, Port: 1, EndPort: 9})
		}
		return out
	}
	for range r.IntN(5) {
		for egress, all := range map[bool]map[netip.Addr]string{false: i.Ingress, true: i.Egress} {
			list := rules()
			name := ListName(egress, list)
			i.Lists[name] = list
			all[address()] = name
		}
		i.NameClients = append(i.NameClients, NameClient{address(), corev1.ProtocolUDP})
		i.NameServers = append(i.NameServers, PodPort{address(), corev1.ProtocolUDP, 53})
	}
	return i
}
