package nftables

import (
	"net/netip"

	nft "github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

const (
	chainServices   = "services"
	chainOffCluster = "mark-off-cluster"
	chainUnserved   = "unserved"
	chainReject     = "reject"
)

// table is the one table of one family. Its methods put messages into the connection's batch.
type table struct {
	conn   *nft.Conn
	family family
	nft    *nft.Table
	cidrs  []netip.Prefix
	// pods are the networks of this node's pods, if known.
	pods  []netip.Prefix
	setID uint32

	serviceIPs, nodePorts             *nft.Set
	serviceVerdicts, nodePortVerdicts *nft.Set
	clusterIPs, hairpin               *nft.Set

	// frontends is what the maps hold; targets counts the frontends (and targets) that go through a target's chain.
	frontends map[rules.Frontend]rules.Target
	targets   map[rules.Target]int
	pools     map[string]poolState
	// generation makes the names of sets that come and go unique.
	generation uint64
	// verdicts are those of the frontends that the present change sets.
	verdicts map[rules.Frontend]*expr.Verdict
	// What nothing leads to any more, to be deleted by the next sweep.
	staleChains map[string]bool
	staleSets   map[string]bool
}

func newTable(conn *nft.Conn, f family, cidrs []netip.Prefix) *table {
	t := &table{conn: conn, family: f, nft: &nft.Table{Name: tableName, Family: f.table}}
	t.cidrs = f.only(cidrs)
	t.reset()
	return t
}

// reset forgets what is in the kernel.
func (t *table) reset() {
	t.frontends = map[rules.Frontend]rules.Target{}
	t.targets = map[rules.Target]int{}
	t.pools = map[string]poolState{}
	t.staleChains = map[string]bool{}
	t.staleSets = map[string]bool{}
	addressKey := nft.MustConcatSetType(t.family.address, nft.TypeInetProto, nft.TypeInetService)
	portKey := nft.MustConcatSetType(nft.TypeInetProto, nft.TypeInetService)
	t.serviceIPs = t.verdictMap("service-ips", addressKey)
	t.nodePorts = t.verdictMap("node-ports", portKey)
	t.serviceVerdicts = t.verdictMap("service-verdicts", addressKey)
	t.nodePortVerdicts = t.verdictMap("node-port-verdicts", portKey)
	t.clusterIPs = &nft.Set{Table: t.nft, Name: "cluster-ips", ID: t.nextSetID(), KeyType: t.family.address}
	pair := nft.MustConcatSetType(t.family.address, t.family.address)
	t.hairpin = &nft.Set{Table: t.nft, Name: "hairpin", ID: t.nextSetID(), KeyType: pair, Concatenation: true}
}

func (t *table) verdictMap(name string, key nft.SetDatatype) *nft.Set {
	return &nft.Set{
		Table: t.nft, Name: name, ID: t.nextSetID(), IsMap: true, Concatenation: true,
		KeyType: key, DataType: nft.TypeVerdict,
	}
}

// nextSetID numbers sets within a batch. (The library's own numbering is shared by the whole process and not locked.)
func (t *table) nextSetID() uint32 {
	t.setID++
	return t.setID
}

// replaceSkeleton empties the table, whoever made it, and adds the sets and chains that are always there.
func (t *table) replaceSkeleton() {
	t.conn.AddTable(t.nft)
	t.conn.DelTable(t.nft)
	t.conn.AddTable(t.nft)
	for _, s := range []*nft.Set{t.serviceIPs, t.nodePorts, t.serviceVerdicts, t.nodePortVerdicts, t.clusterIPs, t.hairpin} {
		t.addSet(s, nil)
	}
	t.addReject()
	t.addServices()
	t.addUnserved()
	t.addHooks()
}

func (t *table) addHooks() {
	f := t.family
	t.base("nat-prerouting", nft.ChainTypeNAT, nft.ChainHookPrerouting, -100, jump(chainServices))
	t.base("nat-output", nft.ChainTypeNAT, nft.ChainHookOutput, -100, jump(chainServices))
	t.base("nat-postrouting", nft.ChainTypeNAT, nft.ChainHookPostrouting, 100,
		masqueradeMarked(),
		join(notLoopback(), matchRewritten(), f.loadSource(), f.loadDestination(reg0+f.words()), matchSet(reg0, t.hairpin), exprs{&expr.Masq{FullyRandom: true}}))
	unserved := join(matchNew(), jump(chainUnserved))
	t.base("filter-input", nft.ChainTypeFilter, nft.ChainHookInput, -10, unserved)
	// A late or duplicate packet that conntrack cannot place would go out with an endpoint's bare address and break the client's connection.
	t.base("filter-forward", nft.ChainTypeFilter, nft.ChainHookForward, -10, join(matchInvalid(), verdict(expr.VerdictDrop)), unserved)
	t.base("filter-output", nft.ChainTypeFilter, nft.ChainHookOutput, -10, unserved)
}

// addServices: the way of every new connection to its Service.
func (t *table) addServices() {
	f := t.family
	var services []exprs
	if len(t.cidrs) > 0 {
		services = append(services, join(f.loadDestination(reg0), matchSet(reg0, t.clusterIPs), jump(chainOffCluster)))
		var off []exprs
		for _, c := range t.cidrs {
			off = append(off, join(f.loadSource(), f.matchPrefix(c, expr.CmpOpEq), verdict(expr.VerdictReturn)))
		}
		t.chain(chainOffCluster, append(off, markToMasquerade())...)
	}
	services = append(services, join(f.loadDestination(reg0), loadProtocolAndPort(reg0+f.words()), dispatch(t.serviceIPs)))
	services = append(services, join(t.toNodeAddress(), loadProtocolAndPort(reg0), dispatch(t.nodePorts)))
	t.chain(chainServices, services...)
}

// addUnserved: packets that no endpoint took.
func (t *table) addUnserved() {
	f := t.family
	t.chain(chainUnserved,
		join(f.loadDestination(reg0), loadProtocolAndPort(reg0+f.words()), dispatch(t.serviceVerdicts)),
		join(t.toNodeAddress(), loadProtocolAndPort(reg0), dispatch(t.nodePortVerdicts)),
		join(f.loadDestination(reg0), matchSet(reg0, t.clusterIPs), goTo(chainReject)))
}

// addReject: TCP gets a reset rather than an ICMP error, which the kernel limits to a few each second and client.
func (t *table) addReject() {
	t.chain(chainReject, join(matchTCP(), exprs{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}), exprs{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: t.family.portUnreachable}})
}

// toNodeAddress goes on for packets to the node's addresses, loopback apart.
func (t *table) toNodeAddress() exprs {
	f := t.family
	return join(matchLocal(false), f.loadDestination(reg0), f.matchPrefix(f.loopback, expr.CmpOpNeq))
}

func (t *table) base(name string, kind nft.ChainType, hook *nft.ChainHook, priority int, body ...exprs) {
	c := t.conn.AddChain(&nft.Chain{
		Table: t.nft, Name: name, Type: kind, Hooknum: hook, Priority: nft.ChainPriorityRef(nft.ChainPriority(priority)),
	})
	t.rules(c, body)
}

// chain adds a chain with the given rules; one of that name that exists is emptied first.
func (t *table) chain(name string, body ...exprs) {
	c := t.conn.AddChain(&nft.Chain{Table: t.nft, Name: name})
	t.conn.FlushChain(c)
	t.rules(c, body)
	delete(t.staleChains, name)
}

func (t *table) rules(c *nft.Chain, body []exprs) {
	for _, r := range body {
		t.conn.AddRule(&nft.Rule{Table: t.nft, Chain: c, Exprs: r})
	}
}

func (t *table) addSet(s *nft.Set, elements []nft.SetElement) {
	// The library only fails on anonymous sets that are not constant.
	_ = t.conn.AddSet(s, nil)
	t.addElements(s, elements)
}
