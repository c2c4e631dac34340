package packetfilter

import (
	"net/netip"

	nft "github.com/google/nftables"
	"github.com/google/nftables/expr"
)

const tableMasquerade = "coxswain-masquerade"

// Masquerade gives what the node's pods send out of the cluster the node's address. Inside of the cluster a pod shows its own.
func Masquerade(podCIDRs, clusterCIDRs []netip.Prefix) error {
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
		b.base("postrouting", nft.ChainTypeNAT, nft.ChainHookPostrouting, 110, rules...)
		if err := b.commit(); err != nil {
			return err
		}
	}
	return nil
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
