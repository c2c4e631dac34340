package nodeipam

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"
)

// errExhausted says that a pod network has no free share left.
var errExhausted = errors.New("pod network is exhausted")

// pool is a pod network that is handed out in shares of one size.
type pool struct {
	network netip.Prefix
	bits    int
	taken   map[netip.Prefix]int // shares, by how many times each is taken
	odd     map[netip.Prefix]int // the same of prefixes of another size, such as from before a change of the size
	low     netip.Prefix         // all shares before it are taken
	passed  int                  // taken ones that the last search went past
	metrics *metrics
}

func newPool(network netip.Prefix, bits int) (*pool, error) {
	network = network.Masked()
	if bits < network.Bits() || bits > network.Addr().BitLen() {
		return nil, fmt.Errorf("cluster CIDR %s cannot be cut into shares of /%d", network, bits)
	}
	return &pool{network: network, bits: bits, taken: map[netip.Prefix]int{}, odd: map[netip.Prefix]int{}, low: netip.PrefixFrom(network.Addr(), bits)}, nil
}

func (p *pool) takes(prefix netip.Prefix) map[netip.Prefix]int {
	if prefix.Bits() == p.bits {
		return p.taken
	}
	return p.odd
}

// take records that somebody has a prefix.
func (p *pool) take(prefix netip.Prefix) {
	if prefix = prefix.Masked(); p.network.Overlaps(prefix) {
		p.takes(prefix)[prefix]++
		if p.taken[prefix] == 1 {
			p.metrics.took(p)
		}
	}
}

// give records that somebody has it no more.
func (p *pool) give(prefix netip.Prefix) {
	prefix = prefix.Masked()
	counts := p.takes(prefix)
	if counts[prefix]--; counts[prefix] > 0 {
		return
	}
	delete(counts, prefix)
	if prefix.Bits() == p.bits {
		p.metrics.freed(p)
	}
	first := netip.PrefixFrom(prefix.Addr(), p.bits).Masked()
	if p.network.Contains(first.Addr()) && first.Addr().Less(p.low.Addr()) {
		p.low = first
	} else if prefix.Contains(p.network.Addr()) {
		p.low = netip.PrefixFrom(p.network.Addr(), p.bits)
	}
}

// free returns the first share that overlaps nothing that is taken.
func (p *pool) free() (netip.Prefix, error) {
	for p.passed = 0; p.network.Contains(p.low.Addr()); p.passed++ {
		taken, ok := p.overlapping(p.low)
		if !ok {
			return p.low, nil
		}
		// Go on behind the larger of the two.
		after := p.low
		if taken.Bits() < p.bits {
			after = taken
		}
		next, ok := following(after)
		if !ok {
			break
		}
		p.low = netip.PrefixFrom(next, p.bits)
	}
	return netip.Prefix{}, errExhausted
}

func (p *pool) overlapping(share netip.Prefix) (netip.Prefix, bool) {
	if p.taken[share] > 0 {
		return share, true
	}
	for prefix := range p.odd {
		if share.Overlaps(prefix) {
			return prefix, true
		}
	}
	return netip.Prefix{}, false
}

// following is the first address behind a prefix; false at the end of the address space.
func following(prefix netip.Prefix) (netip.Addr, bool) {
	length := prefix.Addr().BitLen()
	n := new(big.Int).SetBytes(prefix.Addr().AsSlice())
	n.Add(n, new(big.Int).Lsh(big.NewInt(1), uint(length-prefix.Bits())))
	if n.BitLen() > length {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(n.FillBytes(make([]byte, length/8)))
}
