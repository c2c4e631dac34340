package nodeipam

import (
	"errors"
	"math/big"
	"net/netip"
)

// errExhausted says that a pod network has no free share left.
var errExhausted = errors.New("pod network is exhausted")

// free returns the first share of that size in network that overlaps none of used.
func free(network netip.Prefix, bits int, used []netip.Prefix) (netip.Prefix, error) {
	network = network.Masked()
	if bits < network.Bits() || bits > network.Addr().BitLen() {
		return netip.Prefix{}, errExhausted
	}
	candidate := netip.PrefixFrom(network.Addr(), bits)
	for network.Contains(candidate.Addr()) {
		taken := overlapping(candidate, used)
		if !taken.IsValid() {
			return candidate, nil
		}
		// Go on behind the larger of the two.
		after := candidate
		if taken.Bits() < bits {
			after = netip.PrefixFrom(taken.Masked().Addr(), taken.Bits())
		}
		next, ok := following(after)
		if !ok {
			break
		}
		candidate = netip.PrefixFrom(next, bits)
	}
	return netip.Prefix{}, errExhausted
}

func overlapping(candidate netip.Prefix, used []netip.Prefix) netip.Prefix {
	for _, prefix := range used {
		if candidate.Overlaps(prefix) {
			return prefix
		}
	}
	return netip.Prefix{}
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
