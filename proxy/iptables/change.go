package iptables

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// change writes what of the change is of the family.
func (f *family) change(s *script, c *rules.Change) {
	for _, p := range c.SetPools {
		if p.IPv6 == f.ipv6 {
			f.setPool(s.nat(), p)
		}
	}
	for _, a := range f.own(c.DeleteClusterIPs) {
		s.nat().remove(chainOutside, "-d "+f.host(a)+" -j "+chainMarkOut)
		s.filter().remove(chainClusterIPs, "-d "+f.host(a)+" -j "+chainReject)
	}
	for _, a := range f.own(c.AddClusterIPs) {
		s.nat().add(chainOutside, "-d "+f.host(a)+" -j "+chainMarkOut)
		s.filter().add(chainClusterIPs, "-d "+f.host(a)+" -j "+chainReject)
	}
	for frontend, target := range c.SetFrontends {
		if frontend.IPv6 == f.ipv6 {
			f.setFrontend(s, frontend, target)
		}
	}
	for _, frontend := range c.DeleteFrontends {
		if frontend.IPv6 == f.ipv6 {
			f.deleteFrontend(s, frontend)
		}
	}
	for _, p := range c.DeletePools {
		if p.IPv6 == f.ipv6 {
			f.deletePool(s.nat(), p)
		}
	}
	f.dropUnusedTargets(s.nat())
}

func (f *family) own(all []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return a.Is6() != f.ipv6 })
}

// setPool writes the chain of a pool and those of its endpoints. Endpoints are picked with equal chances: the first of n with 1/n, the
// next of the rest with 1/(n-1), and so on.
func (f *family) setPool(t *tableScript, p rules.Pool) {
	for _, e := range f.pools[p.Name].Endpoints {
		if !slices.Contains(p.Endpoints, e) {
			t.drop(endpointChain(p.Name, e))
		}
	}
	f.pools[p.Name] = p
	var body []string
	if p.Affinity > 0 {
		for _, e := range p.Endpoints {
			name := endpointChain(p.Name, e)
			body = append(body, fmt.Sprintf("-m recent --name %s --rcheck --seconds %d --reap -j %s", name, int(p.Affinity.Seconds()), name))
		}
	}
	for i, e := range p.Endpoints {
		chance := ""
		if left := len(p.Endpoints) - i; left > 1 {
			chance = fmt.Sprintf("-m statistic --mode random --probability %.10f ", 1/float64(left))
		}
		body = append(body, chance+"-j "+endpointChain(p.Name, e))
	}
	t.chain(poolChain(p.Name), body...)
	for _, e := range p.Endpoints {
		f.endpoint(t, p, e)
	}
}

// endpoint writes the chain that sends a connection to an endpoint. One that reaches itself must see the node's address.
func (f *family) endpoint(t *tableScript, p rules.Pool, e netip.AddrPort) {
	name := endpointChain(p.Name, e)
	remember := ""
	if p.Affinity > 0 {
		remember = "-m recent --name " + name + " --set "
	}
	t.chain(name,
		"-s "+f.host(e.Addr())+" -j "+chainMark,
		"-p "+protocol(p.Protocol)+" "+remember+"-j DNAT --to-destination "+e.String())
}

func (f *family) deletePool(t *tableScript, p rules.Pool) {
	old, had := f.pools[p.Name]
	if !had {
		return
	}
	delete(f.pools, p.Name)
	t.drop(poolChain(p.Name))
	for _, e := range old.Endpoints {
		t.drop(endpointChain(p.Name, e))
	}
}

func (f *family) setFrontend(s *script, frontend rules.Frontend, target rules.Target) {
	f.acquire(s.nat(), target)
	f.deleteFrontend(s, frontend)
	f.frontends[frontend] = target
	match := f.match(frontend)
	if target.Verdict == rules.Forward {
		s.nat().add(frontendChain(frontend), match+" -j "+targetChain(target))
	}
	if v := unserved(target); v != "" {
		s.filter().add(chainUnserved, local(frontend)+match+" -j "+v)
	}
}

func (f *family) deleteFrontend(s *script, frontend rules.Frontend) {
	old, had := f.frontends[frontend]
	if !had {
		return
	}
	delete(f.frontends, frontend)
	match := f.match(frontend)
	if old.Verdict == rules.Forward {
		s.nat().remove(frontendChain(frontend), match+" -j "+targetChain(old))
	}
	if v := unserved(old); v != "" {
		s.filter().remove(chainUnserved, local(frontend)+match+" -j "+v)
	}
	f.release(old)
}

// unserved is what the filter does with packets that no endpoint took.
func unserved(target rules.Target) string {
	switch {
	case target.Verdict == rules.Reject:
		return chainReject
	case target.Verdict == rules.Drop, target.Pool == "", target.Sources != "":
		return "DROP"
	default:
		return ""
	}
}

func frontendChain(frontend rules.Frontend) string {
	if frontend.NodePort() {
		return chainNodePorts
	}
	return chainServices
}

func (f *family) match(frontend rules.Frontend) string {
	ports := fmt.Sprintf("-p %s --dport %d", protocol(frontend.Protocol), frontend.Port)
	if frontend.NodePort() {
		return ports
	}
	return "-d " + f.host(frontend.Address) + " " + ports
}

func local(frontend rules.Frontend) string {
	if frontend.NodePort() {
		return "-m addrtype --dst-type LOCAL "
	}
	return ""
}

// acquire writes the target's chain when it is the first to ask for it.
func (f *family) acquire(t *tableScript, target rules.Target) {
	if target.Verdict != rules.Forward || plain(target) {
		return
	}
	if f.targets[target]++; f.targets[target] > 1 || t.seen[targetChain(target)] {
		return
	}
	t.chain(targetChain(target), f.targetRules(t, target)...)
}

func (f *family) release(target rules.Target) {
	if target.Verdict == rules.Forward && !plain(target) {
		f.targets[target]--
	}
}

// dropUnusedTargets deletes the chains that nothing leads to after the change. Deleting one may leave another unused.
func (f *family) dropUnusedTargets(t *tableScript) {
	for again := true; again; {
		again = false
		for target, users := range f.targets {
			if users > 0 {
				continue
			}
			delete(f.targets, target)
			t.drop(targetChain(target))
			if target.Sources != "" {
				target.Sources = ""
				f.release(target)
				again = true
			}
		}
	}
}

// plain targets need no chain of their own: the pool's is all.
func plain(target rules.Target) bool {
	return !target.Masquerade && target.InternalPool == "" && target.Sources == ""
}

func (f *family) targetRules(t *tableScript, target rules.Target) []string {
	var out []string
	if prefixes := target.SourcePrefixes(); len(prefixes) > 0 {
		target.Sources = ""
		f.acquire(t, target)
		for _, p := range prefixes {
			out = append(out, "-s "+p.String()+" -j "+targetChain(target))
		}
		return out // the filter drops the others
	}
	if target.InternalPool != "" {
		for _, c := range f.insiders() {
			out = append(out, "-s "+c.String()+" -j "+poolChain(target.InternalPool))
		}
		out = append(out,
			"-m addrtype --src-type LOCAL -j "+chainMark,
			"-m addrtype --src-type LOCAL -j "+poolChain(target.InternalPool))
	}
	if target.Masquerade {
		out = append(out, "-j "+chainMark)
	}
	if target.Pool != "" {
		out = append(out, "-j "+poolChain(target.Pool))
	}
	return out
}

func protocol(p corev1.Protocol) string { return strings.ToLower(string(p)) }

func poolChain(pool string) string { return prefix + "P-" + hash(pool) }

func endpointChain(pool string, e netip.AddrPort) string {
	return prefix + "E-" + hash(pool+"|"+e.String())
}

// targetChain is the chain that a target's connections go to: the pool's own when there is nothing else to do.
func targetChain(t rules.Target) string {
	if plain(t) {
		return poolChain(t.Pool)
	}
	return prefix + "T-" + hash(fmt.Sprintf("%s|%s|%s|%t", t.Pool, t.InternalPool, t.Sources, t.Masquerade))
}

// hash is short: the kernel allows 28 characters for a chain's name.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
