package iptables

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// Chains that are always there.
const (
	prefix          = "COX-"
	chainEntry      = prefix + "ENTRY"
	chainOutside    = prefix + "OUTSIDE"
	chainMarkOut    = prefix + "MARK-OUTSIDE"
	chainMark       = prefix + "MARK"
	chainServices   = prefix + "SERVICES"
	chainNodePorts  = prefix + "NODEPORTS"
	chainPost       = prefix + "POSTROUTING"
	chainFilter     = prefix + "FILTER"
	chainForward    = prefix + "FORWARD"
	chainUnserved   = prefix + "UNSERVED"
	chainClusterIPs = prefix + "CLUSTERIPS"
	chainReject     = prefix + "REJECT"
)

// mark is the bit of the packet mark that asks for masquerading; kube-proxy's too.
const mark = "0x4000/0x4000"

// family is one of iptables and ip6tables, and what it has been told.
type family struct {
	program string
	ipv6    bool
	cidrs   []netip.Prefix
	// pods are the networks of this node's pods, if known.
	pods []netip.Prefix

	frontends map[rules.Frontend]rules.Target
	targets   map[rules.Target]int
	pools     map[string]rules.Pool
}

func newFamily(program string, ipv6 bool, cidrs []netip.Prefix) *family {
	f := &family{program: program, ipv6: ipv6}
	f.cidrs = f.only(cidrs)
	f.reset()
	return f
}

func (f *family) reset() {
	f.frontends = map[rules.Frontend]rules.Target{}
	f.targets = map[rules.Target]int{}
	f.pools = map[string]rules.Pool{}
}

func (f *family) only(all []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(all), func(p netip.Prefix) bool { return p.Addr().Is6() != f.ipv6 })
}

// insiders are the networks of the pods that may be sent to any endpoint without masquerading.
func (f *family) insiders() []netip.Prefix {
	if len(f.pods) > 0 {
		return f.pods
	}
	return f.cidrs
}

// hooks are the rules in the kernel's own chains, by table. Those of nat come before what others have there.
func hooks(table string) map[string]string {
	if table == "nat" {
		return map[string]string{"PREROUTING": "-j " + chainEntry, "OUTPUT": "-j " + chainEntry, "POSTROUTING": "-j " + chainPost}
	}
	return map[string]string{"INPUT": "-j " + chainFilter, "FORWARD": "-j " + chainForward, "OUTPUT": "-j " + chainFilter}
}

// replace writes every chain, hooks in what is not hooked in yet, and deletes the chains of an older process that are not used now.
func (f *family) replace(ctx context.Context, all *rules.Change) error {
	f.reset()
	s := newScript()
	f.skeleton(s)
	f.change(s, all)
	for table, t := range s.tables {
		old, err := f.save(ctx, table)
		if err != nil {
			return err
		}
		for chain, rule := range hooks(table) {
			if !strings.Contains(old, "\n-A "+chain+" "+rule+"\n") {
				t.first(chain, rule)
			}
		}
		for _, name := range ours(old) {
			if !t.seen[name] {
				t.drop(name)
			}
		}
	}
	return f.restore(ctx, s)
}

// ours are the names of our chains in a listing.
func ours(listing string) []string {
	var out []string
	for line := range strings.Lines(listing) {
		if name, _, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, ":"+prefix) {
			out = append(out, name[1:])
		}
	}
	return out
}

func (f *family) cleanup(ctx context.Context) error {
	f.reset()
	s := newScript()
	for table, t := range s.tables {
		old, err := f.save(ctx, table)
		if err != nil {
			return err
		}
		for chain, rule := range hooks(table) {
			if strings.Contains(old, "\n-A "+chain+" "+rule+"\n") {
				t.remove(chain, rule)
			}
		}
		for _, name := range ours(old) {
			t.drop(name)
		}
	}
	return f.restore(ctx, s)
}

// skeleton writes the chains that are always there.
func (f *family) skeleton(s *script) {
	loopback := "127.0.0.0/8"
	if f.ipv6 {
		loopback = "::1/128"
	}
	nat := s.nat()
	nat.chain(chainEntry,
		"-j "+chainOutside, "-j "+chainServices,
		"-m addrtype --dst-type LOCAL ! -d "+loopback+" -j "+chainNodePorts)
	nat.chain(chainMark, "-j MARK --set-xmark "+mark)
	var outside []string
	for _, c := range f.cidrs {
		outside = append(outside, "-s "+c.String()+" -j RETURN")
	}
	if len(f.cidrs) > 0 {
		outside = append(outside, "-j "+chainMark)
	}
	nat.chain(chainMarkOut, outside...)
	nat.chain(chainPost,
		"-m mark ! --mark "+mark+" -j RETURN",
		"-j MARK --set-xmark 0x0/0x4000",
		"-j MASQUERADE --random-fully")
	for _, empty := range []string{chainOutside, chainServices, chainNodePorts} {
		nat.declare(empty)
	}
	filter := s.filter()
	filter.chain(chainFilter, "-m conntrack --ctstate NEW -j "+chainUnserved, "-m conntrack --ctstate NEW -j "+chainClusterIPs)
	filter.chain(chainForward,
		"-m conntrack --ctstate INVALID -j DROP",
		"-j "+chainFilter,
		"-m mark --mark "+mark+" -j ACCEPT",
		"-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
	filter.chain(chainReject, "-p tcp -j REJECT --reject-with tcp-reset", "-j REJECT")
	filter.declare(chainUnserved)
	filter.declare(chainClusterIPs)
}

func (f *family) host(a netip.Addr) string { return fmt.Sprintf("%s/%d", a, a.BitLen()) }
