package packetfilter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	nft "github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

const tableIsolation = "coxswain-policy"

// Isolator keeps an Isolation in the kernel. It remembers what it has written and changes only the difference.
type Isolator struct {
	tables []*isolation
}

// isolation is the table of one family. Its sets are:
//
//	ingress, egress  address : jump to the list's chain
//	self             address . address, each isolated pod with itself
//	name-servers     address . protocol . port
//	name-clients     address . protocol
//	g-NAME           addresses of a group
//	p-NAME           address . protocol . port of a group
//
// A chain returns for what is let through and drops the rest.
type isolation struct {
	family family
	// have is nil until the table was written.
	have map[string]*contents
}

// contents are the elements of a set, by key, and what they lead to.
type contents struct {
	set      *nft.Set
	elements map[string]string
	// list is set for a chain; it has rules instead of elements.
	list bool
}

// NewIsolator returns one that will replace, the first time, whatever an older process has left.
func NewIsolator() *Isolator {
	return &Isolator{tables: []*isolation{{family: ipv4()}, {family: ipv6()}}}
}

// Set makes the kernel isolate pods as said. After an error everything is written anew the next time.
func (i *Isolator) Set(next *Isolation) error {
	for _, t := range i.tables {
		if err := t.write(next); err != nil {
			t.have = nil
			return fmt.Errorf("isolating pods: %w", err)
		}
	}
	return nil
}

func (t *isolation) write(next *Isolation) error {
	b, err := newBatch(tableIsolation, t.family)
	if err != nil {
		return err
	}
	w := &isolationWriter{batch: b, family: t.family, want: map[string]*contents{}, next: next}
	w.describe()
	if next.Empty() {
		if t.have == nil || len(t.have) > 0 {
			b.conn.AddTable(b.table)
			b.conn.DelTable(b.table)
			if err := b.commit(); err != nil {
				return err
			}
		}
		t.have = map[string]*contents{}
		return nil
	}
	w.have = t.have
	if len(t.have) == 0 {
		w.have = nil
		b.conn.AddTable(b.table)
		b.conn.DelTable(b.table)
		b.conn.AddTable(b.table)
	}
	w.addSets()
	w.addLists()
	if len(t.have) == 0 {
		w.hooks()
	}
	w.setElements()
	w.removeStale()
	if err := b.commit(); err != nil {
		return err
	}
	t.have = w.want
	return nil
}

// isolationWriter puts the difference between have and want into a batch.
type isolationWriter struct {
	*batch
	family     family
	next       *Isolation
	have, want map[string]*contents
	ids        uint32
}

// describe says what there should be, of the writer's family.
func (w *isolationWriter) describe() {
	f := w.family
	endpoint := nft.MustConcatSetType(f.address, nft.TypeInetProto, nft.TypeInetService)
	verdicts := func(name string, all map[netip.Addr]string) {
		c := w.add(&nft.Set{Name: name, IsMap: true, KeyType: f.address, DataType: nft.TypeVerdict})
		for a, list := range all {
			c.put(f, a, a.AsSlice(), list)
		}
	}
	verdicts("ingress", w.next.Ingress)
	verdicts("egress", w.next.Egress)
	self := w.add(&nft.Set{Name: "self", Concatenation: true, KeyType: nft.MustConcatSetType(f.address, f.address)})
	for _, all := range []map[netip.Addr]string{w.next.Ingress, w.next.Egress} {
		for a := range all {
			self.put(f, a, slices.Repeat(a.AsSlice(), 2), "")
		}
	}
	ports := func(name string, all []PodPort) {
		c := w.add(&nft.Set{Name: name, Concatenation: true, KeyType: endpoint})
		for _, p := range all {
			c.put(f, p.Address, slices.Concat(p.Address.AsSlice(), pad8(protocolNumber(p.Protocol)), pad16(p.Port)), "")
		}
	}
	ports("name-servers", w.next.NameServers)
	clients := w.add(&nft.Set{Name: "name-clients", Concatenation: true, KeyType: nft.MustConcatSetType(f.address, nft.TypeInetProto)})
	for _, c := range w.next.NameClients {
		clients.put(f, c.Address, append(c.Address.AsSlice(), pad8(protocolNumber(c.Protocol))...), "")
	}
	for name, all := range w.next.Groups {
		c := w.add(&nft.Set{Name: "g-" + name, KeyType: f.address})
		for _, a := range all {
			c.put(f, a, a.AsSlice(), "")
		}
	}
	for name, all := range w.next.Ports {
		ports("p-"+name, all)
	}
	for name := range w.next.Lists {
		w.want[chainName(name)] = &contents{list: true}
	}
}

func (w *isolationWriter) add(s *nft.Set) *contents {
	w.ids++
	s.Table, s.ID = w.table, w.ids
	c := &contents{set: s, elements: map[string]string{}}
	w.want[s.Name] = c
	return c
}

func (c *contents) put(f family, a netip.Addr, k []byte, list string) {
	if a.Is6() == f.is6() {
		c.elements[string(k)] = list
	}
}

func (w *isolationWriter) addSets() {
	for name, c := range w.want {
		if !c.list && w.have[name] == nil {
			_ = w.conn.AddSet(c.set, nil) // fails for anonymous sets alone
		}
	}
}

func (w *isolationWriter) addLists() {
	for name, rules := range w.next.Lists {
		if w.have[chainName(name)] != nil {
			continue
		}
		c := w.conn.AddChain(&nft.Chain{Table: w.table, Name: chainName(name)})
		for _, r := range rules {
			if e, ok := w.rule(r, name); ok {
				w.conn.AddRule(&nft.Rule{Table: w.table, Chain: c, Exprs: e})
			}
		}
		w.conn.AddRule(&nft.Rule{Table: w.table, Chain: c, Exprs: exprs{&expr.Verdict{Kind: expr.VerdictDrop}}})
	}
}

// setElements adds, replaces and removes elements of sets.
func (w *isolationWriter) setElements() {
	for name, c := range w.want {
		if c.list {
			continue
		}
		var old map[string]string
		if have := w.have[name]; have != nil {
			old = have.elements
		}
		var add, remove []nft.SetElement
		for k, list := range old {
			if next, ok := c.elements[k]; !ok || next != list {
				remove = append(remove, nft.SetElement{Key: []byte(k)})
			}
		}
		for k, list := range c.elements {
			if before, ok := old[k]; ok && before == list {
				continue
			}
			e := nft.SetElement{Key: []byte(k)}
			if c.set.IsMap {
				e.VerdictData = &expr.Verdict{Kind: expr.VerdictJump, Chain: chainName(list)}
			}
			add = append(add, e)
		}
		const chunk = 400 // a netlink attribute holds at most 64 KiB
		for part := range slices.Chunk(remove, chunk) {
			_ = w.conn.SetDeleteElements(c.set, part)
		}
		for part := range slices.Chunk(add, chunk) {
			_ = w.conn.SetAddElements(c.set, part)
		}
	}
}

// removeStale removes lists before the groups that they look into.
func (w *isolationWriter) removeStale() {
	for _, lists := range []bool{true, false} {
		for name, c := range w.have {
			switch {
			case w.want[name] != nil || c.list != lists:
			case lists:
				w.conn.FlushChain(&nft.Chain{Table: w.table, Name: name})
				w.conn.DelChain(&nft.Chain{Table: w.table, Name: name})
			default:
				w.conn.DelSet(&nft.Set{Table: w.table, Name: name})
			}
		}
	}
}

// hooks are the chains that the kernel calls. Every packet of a pod passes the node's IP layer: to and from others it is
// forwarded, to the node itself it comes in. What the node itself sends to its pods is always let through: probes, for one.
func (w *isolationWriter) hooks() {
	f := w.family
	known := join(exprs{
		&expr.Ct{Key: expr.CtKeySTATE, Register: key},
		&expr.Bitwise{SourceRegister: key, DestRegister: key, Len: 4, Mask: native(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: key, Data: native(0)},
	}, accept())
	names := join(
		f.load(f.source, key), loadProtocol(key+f.words()), w.in("name-clients"),
		f.load(f.destination, key), protocolAndPort(key+f.words()), w.in("name-servers"), accept())
	egress := join(f.load(f.source, key), w.dispatch("egress"))
	input := []exprs{known, names, egress}
	if f.is6() {
		// Neighbours are found by packets between addresses that may be isolated pods'.
		const solicitation, advertisement = 135, 136
		for _, kind := range []byte{solicitation, advertisement} {
			input = slices.Insert(input, 0, join(loadProtocol(key), exprs{
				&expr.Cmp{Op: expr.CmpOpEq, Register: key, Data: []byte{unix.IPPROTO_ICMPV6}},
				&expr.Payload{DestRegister: key, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: key, Data: []byte{kind}},
			}, accept()))
		}
	}
	w.base("input", nft.ChainTypeFilter, nft.ChainHookInput, 0, input...)
	w.base("forward", nft.ChainTypeFilter, nft.ChainHookForward, 0,
		known,
		join(f.load(f.source, key), f.load(f.destination, key+f.words()), w.in("self"), accept()),
		names, egress,
		join(f.load(f.destination, key), w.dispatch("ingress")))
}

func (w *isolationWriter) in(set string) exprs {
	return exprs{&expr.Lookup{SourceRegister: key, SetName: set, SetID: w.want[set].set.ID}}
}

func (w *isolationWriter) dispatch(set string) exprs {
	return exprs{&expr.Lookup{SourceRegister: key, SetName: set, SetID: w.want[set].set.ID, DestRegister: unix.NFT_REG_VERDICT, IsDestRegSet: true}}
}

// rule returns for what a rule lets through. A rule about networks of the other family has no meaning here.
func (w *isolationWriter) rule(r Rule, list string) (exprs, bool) {
	f := w.family
	peer := f.source
	if isEgress(list) {
		peer = f.destination
	}
	var out exprs
	switch {
	case r.Ports != "":
		out = join(f.load(f.destination, key), protocolAndPort(key+f.words()), w.in("p-"+r.Ports))
	case r.Group != "":
		out = join(f.load(peer, key), w.in("g-"+r.Group))
	case r.Block.IsValid():
		if r.Block.Addr().Is6() != f.is6() {
			return nil, false
		}
		out = f.match(peer, r.Block, expr.CmpOpEq)
		for _, e := range r.Except {
			if e.Addr().Is6() == f.is6() {
				out = join(out, f.match(peer, e, expr.CmpOpNeq))
			}
		}
	}
	if r.Protocol != "" {
		out = join(out, loadProtocol(key), exprs{&expr.Cmp{Op: expr.CmpOpEq, Register: key, Data: []byte{protocolNumber(r.Protocol)}}})
	}
	if r.Port != 0 {
		out = join(out, exprs{
			&expr.Payload{DestRegister: key, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			&expr.Range{Op: expr.CmpOpEq, Register: key, FromData: binaryutil.BigEndian.PutUint16(r.Port), ToData: binaryutil.BigEndian.PutUint16(max(r.Port, r.EndPort))},
		})
	}
	return join(out, exprs{&expr.Verdict{Kind: expr.VerdictReturn}}), true
}

// ListName names a list of rules after its contents.
func ListName(egress bool, rules []Rule) string {
	direction := "in-"
	if egress {
		direction = "out-"
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%v", rules))
	return direction + hex.EncodeToString(sum[:8])
}

// isEgress tells which way a list is for.
func isEgress(list string) bool { return list[0] == 'o' }

func chainName(list string) string { return "list-" + list }

func accept() exprs { return exprs{&expr.Verdict{Kind: expr.VerdictAccept}} }

func loadProtocol(register uint32) exprs {
	return exprs{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}}
}

func pad8(v byte) []byte { return []byte{v, 0, 0, 0} }

func protocolNumber(p corev1.Protocol) byte {
	switch p {
	case corev1.ProtocolUDP:
		return unix.IPPROTO_UDP
	case corev1.ProtocolSCTP:
		return unix.IPPROTO_SCTP
	default:
		return unix.IPPROTO_TCP
	}
}
