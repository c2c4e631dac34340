package nftables

import (
	"net/netip"
	"slices"

	nft "github.com/google/nftables"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// family is what differs between IPv4 and IPv6 in rules.
type family struct {
	name    string
	table   nft.TableFamily
	proto   uint32
	address nft.SetDatatype
	ipv6    bool
	// Offsets of the addresses in the packet's header, and their length.
	source, destination, length uint32
	loopback                    netip.Prefix
	portUnreachable             uint8
}

var ipv4 = family{
	name: "ip", table: nft.TableFamilyIPv4, proto: unix.NFPROTO_IPV4, address: nft.TypeIPAddr,
	source: 12, destination: 16, length: 4,
	loopback: netip.MustParsePrefix("127.0.0.0/8"), portUnreachable: 3,
}

var ipv6 = family{
	name: "ip6", table: nft.TableFamilyIPv6, proto: unix.NFPROTO_IPV6, address: nft.TypeIP6Addr, ipv6: true,
	source: 8, destination: 24, length: 16,
	loopback: netip.MustParsePrefix("::1/128"), portUnreachable: 4,
}

// words is the number of 32 bit registers that an address takes.
func (f family) words() uint32 { return f.length / 4 }

// only are those of the family.
func (f family) only(all []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(all), func(p netip.Prefix) bool { return p.Addr().Is6() != f.ipv6 })
}

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
