package packetfilter

import (
	"net/netip"

	nft "github.com/google/nftables"
	"github.com/google/nftables/expr"
)

const tableMasquerade = "coxswain-masquerade"

// Masquerade gives what the node's pods send out of the cluster the node's address. Inside of the cluster a pod shows its own, also
// to the given nodes.
func Masquerade(podCIDRs, clusterCIDRs []netip.Prefix, nodes []netip.Addr) error {
	for _, f := range []family{ipv4(), ipv6()} {
		own := ofFamily(podCIDRs, f)
		if len(own) == 0 {
			continue
		}
		b, err := newBatch(tableMasquerade, f)
		if err != nil {
			return err
		}
		multicast := netip.MustParsePrefix("224.0.0.0/4")
		if f.is6() {
			multicast = netip.MustParsePrefix("ff00::/8")
		}
		var rules []exprs
		for _, c := range own {
			r := f.match(f.source, c, expr.CmpOpEq)
			for _, inside := range append(ofFamily(clusterCIDRs, f), c, multicast) {
				r = join(r, f.match(f.destination, inside, expr.CmpOpNeq))
			}
			rules = append(rules, join(r, masquerade()))
		}
		b.conn.AddTable(b.table)
		b.conn.DelTable(b.table)
		b.conn.AddTable(b.table)
		known := &nft.Set{Table: b.table, Name: "nodes", ID: 1, KeyType: f.address}
		_ = b.conn.AddSet(known, elements(nodes, f)) // fails for anonymous sets alone
		for i := range rules {
			rules[i] = join(f.load(f.destination, key), exprs{&expr.Lookup{SourceRegister: key, SetName: known.Name, SetID: known.ID, Invert: true}}, rules[i])
		}
		b.base("postrouting", nft.ChainTypeNAT, nft.ChainHookPostrouting, 110, rules...)
		if err := b.commit(); err != nil {
			return err
		}
	}
	return nil
}

func elements(all []netip.Addr, f family) []nft.SetElement {
	var out []nft.SetElement
	for _, a := range all {
		if a.Is6() == f.is6() {
			out = append(out, nft.SetElement{Key: a.AsSlice()})
		}
	}
	return out
}

func ofFamily(all []netip.Prefix, f family) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range all {
		if p.Addr().Is6() == f.is6() {
			out = append(out, p)
		}
	}
	return out
}
