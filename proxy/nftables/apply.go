package nftables

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	nft "github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// chunk is how many elements go into one message: a netlink attribute holds at most 64 KiB.
const chunk = 400

// prepare puts everything that the change needs into the batch, before anything leads to it: pools and targets' chains.
// It tells whether connections of some frontend move from one chain to another.
func (t *table) prepare(c *rules.Change) (moves bool) {
	for _, p := range c.SetPools {
		if p.IPv6 == t.family.ipv6 {
			t.setPool(p)
		}
	}
	t.verdicts = map[rules.Frontend]*expr.Verdict{}
	for f, target := range c.SetFrontends {
		if f.IPv6 == t.family.ipv6 {
			t.verdicts[f] = t.acquireTarget(target)
			moves = moves || t.frontends[f].Verdict == rules.Forward
		}
	}
	return moves
}

// finish puts the rest of the change into the batch.
func (t *table) finish(c *rules.Change) {
	t.deleteElements(t.clusterIPs, t.keys(c.DeleteClusterIPs, 1))
	t.deleteElements(t.hairpin, t.keys(c.DeleteEndpointIPs, 2))
	t.addElements(t.clusterIPs, t.keys(c.AddClusterIPs, 1))
	t.addElements(t.hairpin, t.keys(c.AddEndpointIPs, 2))
	t.setFrontends(c)
	for _, p := range c.DeletePools {
		if p.IPv6 == t.family.ipv6 {
			t.deletePool(p.Name)
		}
	}
}

// keys makes elements of the addresses of the table's family, each repeated the given number of times.
func (t *table) keys(all []netip.Addr, repeat int) []nft.SetElement {
	var out []nft.SetElement
	for _, a := range all {
		if a.Is6() == t.family.ipv6 {
			out = append(out, nft.SetElement{Key: slices.Repeat(a.AsSlice(), repeat)})
		}
	}
	return out
}

func (t *table) setFrontends(c *rules.Change) {
	edit := elements{add: map[*nft.Set][]nft.SetElement{}, remove: map[*nft.Set][]nft.SetElement{}}
	release := func(f rules.Frontend) {
		old, had := t.frontends[f]
		if !had {
			return
		}
		s := t.mapOf(f, old)
		edit.remove[s] = append(edit.remove[s], nft.SetElement{Key: t.key(f)})
		delete(t.frontends, f)
		t.releaseTarget(old)
	}
	for f, v := range t.verdicts {
		target := c.SetFrontends[f]
		release(f)
		s := t.mapOf(f, target)
		edit.add[s] = append(edit.add[s], nft.SetElement{Key: t.key(f), VerdictData: v})
		t.frontends[f] = target
	}
	for _, f := range c.DeleteFrontends {
		if f.IPv6 == t.family.ipv6 {
			release(f)
		}
	}
	for s, e := range edit.remove {
		t.deleteElements(s, e)
	}
	for s, e := range edit.add {
		t.addElements(s, e)
	}
}

type elements struct {
	add, remove map[*nft.Set][]nft.SetElement
}

func (t *table) mapOf(f rules.Frontend, target rules.Target) *nft.Set {
	switch forward := target.Verdict == rules.Forward; {
	case forward && f.NodePort():
		return t.nodePorts
	case forward:
		return t.serviceIPs
	case f.NodePort():
		return t.nodePortVerdicts
	default:
		return t.serviceVerdicts
	}
}

func (t *table) key(f rules.Frontend) []byte {
	var key []byte
	if !f.NodePort() {
		key = f.Address.AsSlice()
	}
	key = append(key, protocolNumber(f.Protocol), 0, 0, 0)
	return append(key, pad16(f.Port)...)
}

// acquireTarget returns the verdict that leads to the target, and adds its chain when it is the first to ask.
func (t *table) acquireTarget(target rules.Target) *expr.Verdict {
	switch target.Verdict {
	case rules.Reject:
		return &expr.Verdict{Kind: expr.VerdictGoto, Chain: chainReject}
	case rules.Drop:
		return &expr.Verdict{Kind: expr.VerdictDrop}
	}
	if plain(target) {
		return &expr.Verdict{Kind: expr.VerdictGoto, Chain: poolChain(target.Pool)}
	}
	name := targetChain(target)
	if t.targets[target]++; t.targets[target] == 1 {
		t.chain(name, t.targetRules(target)...)
	}
	return &expr.Verdict{Kind: expr.VerdictGoto, Chain: name}
}

func (t *table) releaseTarget(target rules.Target) {
	if target.Verdict != rules.Forward || plain(target) {
		return
	}
	if t.targets[target]--; t.targets[target] > 0 {
		return
	}
	delete(t.targets, target)
	t.staleChains[targetChain(target)] = true
	if target.Sources != "" {
		target.Sources = ""
		t.releaseTarget(target)
	}
}

// plain targets need no chain of their own: the pool's is all.
func plain(target rules.Target) bool {
	return !target.Masquerade && target.InternalPool == "" && target.Sources == ""
}

func (t *table) targetRules(target rules.Target) []exprs {
	f := t.family
	var out []exprs
	if prefixes := target.SourcePrefixes(); len(prefixes) > 0 {
		target.Sources = ""
		next := t.acquireTarget(target)
		for _, p := range prefixes {
			out = append(out, join(f.loadSource(), f.matchPrefix(p, expr.CmpOpEq), exprs{next}))
		}
		return append(out, verdict(expr.VerdictDrop))
	}
	if target.InternalPool != "" {
		inside := poolChain(target.InternalPool)
		for _, c := range t.insiders() {
			out = append(out, join(f.loadSource(), f.matchPrefix(c, expr.CmpOpEq), goTo(inside)))
		}
		out = append(out, join(matchLocal(true), markToMasquerade(), goTo(inside)))
	}
	if target.Pool == "" {
		return append(out, verdict(expr.VerdictDrop))
	}
	if target.Masquerade {
		out = append(out, markToMasquerade())
	}
	return append(out, goTo(poolChain(target.Pool)))
}

// insiders are the networks of the pods that may be sent to any endpoint without masquerading.
func (t *table) insiders() []netip.Prefix {
	if len(t.pods) > 0 {
		return t.pods
	}
	return t.cidrs
}

// sweep deletes the chains and sets that nothing leads to since the last change. It is a transaction of its own, and late, for
// packets that were on their way while that change was committed.
func (t *table) sweep() {
	for name := range t.staleChains {
		t.conn.FlushChain(&nft.Chain{Table: t.nft, Name: name}) // they may lead to each other
	}
	for name := range t.staleChains {
		t.conn.DelChain(&nft.Chain{Table: t.nft, Name: name})
	}
	for name := range t.staleSets {
		t.conn.DelSet(&nft.Set{Table: t.nft, Name: name})
	}
	clear(t.staleChains)
	clear(t.staleSets)
}

func (t *table) addElements(s *nft.Set, all []nft.SetElement) {
	for part := range slices.Chunk(all, chunk) {
		_ = t.conn.SetAddElements(s, part) // fails for anonymous sets alone
	}
}

func (t *table) deleteElements(s *nft.Set, all []nft.SetElement) {
	for part := range slices.Chunk(all, chunk) {
		_ = t.conn.SetDeleteElements(s, part)
	}
}

func poolChain(pool string) string {
	return "p-" + hash(pool) + "/" + readable(pool)
}

func targetChain(t rules.Target) string {
	kind := strings.Join([]string{t.Pool, t.InternalPool, t.Sources}, "|")
	if t.Masquerade {
		kind += "|masquerade"
	}
	return "t-" + hash(kind) + "/" + readable(t.Pool+t.InternalPool)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// readable makes a name that nft prints and parses, short enough for the kernel.
func readable(s string) string {
	const limit = 100
	s = strings.ReplaceAll(s, ":", "/")
	return s[:min(len(s), limit)]
}
