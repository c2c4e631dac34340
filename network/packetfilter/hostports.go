package packetfilter

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	nft "github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

const tableHostPorts = "coxswain-hostports"

// HostPort leads from a port of the node to a port of a container.
type HostPort struct {
	// HostIP confines it to one address of the node. The zero value means all of them.
	HostIP    netip.Addr
	Protocol  string
	Port      uint16
	Container netip.AddrPort
}

// hostPorts is the table of one family. Its sets are:
//
//	ports          protocol . port : address . port
//	address-ports  address . protocol . port : address . port
//	hairpin        address . address, each container with itself: it reaches itself through the node's port
type hostPorts struct {
	*batch
	family  family
	ports   *nft.Set
	exact   *nft.Set
	hairpin *nft.Set
}

func openHostPorts(f family) (*hostPorts, error) {
	b, err := newBatch(tableHostPorts, f)
	if err != nil {
		return nil, err
	}
	endpoint := nft.MustConcatSetType(f.address, nft.TypeInetService)
	h := &hostPorts{batch: b, family: f}
	h.ports = &nft.Set{
		Table: b.table, Name: "ports", ID: 1, IsMap: true, Concatenation: true,
		KeyType: nft.MustConcatSetType(nft.TypeInetProto, nft.TypeInetService), DataType: endpoint,
	}
	h.exact = &nft.Set{
		Table: b.table, Name: "address-ports", ID: 2, IsMap: true, Concatenation: true,
		KeyType: nft.MustConcatSetType(f.address, nft.TypeInetProto, nft.TypeInetService), DataType: endpoint,
	}
	h.hairpin = &nft.Set{
		Table: b.table, Name: "hairpin", ID: 3, Concatenation: true, KeyType: nft.MustConcatSetType(f.address, f.address),
	}
	return h, nil
}

// skeleton writes the table, its sets and its rules; what is there already stays.
func (h *hostPorts) skeleton(bridge string) {
	f := h.family
	h.conn.AddTable(h.table)
	for _, s := range []*nft.Set{h.ports, h.exact, h.hairpin} {
		_ = h.conn.AddSet(s, nil) // fails for anonymous sets alone
	}
	to := []exprs{
		join(toLocalAddress(), f.load(f.destination, key), protocolAndPort(key+f.words()), f.rewriteBy(h.exact)),
		join(toLocalAddress(), protocolAndPort(key), f.rewriteBy(h.ports)),
	}
	h.base("prerouting", nft.ChainTypeNAT, nft.ChainHookPrerouting, -105, to...)
	h.base("output", nft.ChainTypeNAT, nft.ChainHookOutput, -105, to...)
	itself := join(rewrittenDestination(), f.load(f.source, key), f.load(f.destination, key+f.words()),
		exprs{&expr.Lookup{SourceRegister: key, SetName: h.hairpin.Name, SetID: h.hairpin.ID}}, masquerade())
	back := []exprs{itself}
	if !f.is6() {
		loopback := netip.MustParsePrefix("127.0.0.0/8")
		back = append(back, join(rewrittenDestination(), f.match(f.source, loopback, expr.CmpOpEq), toInterface(bridge), masquerade()))
		// The bridge may carry loopback addresses for the sake of host ports on 127.0.0.1; pods must not send to them.
		h.base("guard", nft.ChainTypeFilter, nft.ChainHookPrerouting, -310,
			join(exprs{
				&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: key},
				&expr.Cmp{Op: expr.CmpOpEq, Register: key, Data: interfaceName(bridge)},
			}, f.match(f.destination, loopback, expr.CmpOpEq), exprs{&expr.Verdict{Kind: expr.VerdictDrop}}))
	}
	h.base("postrouting", nft.ChainTypeNAT, nft.ChainHookPostrouting, 95, back...)
}

func toInterface(name string) exprs {
	return exprs{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: key},
		&expr.Cmp{Op: expr.CmpOpEq, Register: key, Data: interfaceName(name)},
	}
}

// AddHostPorts opens ports of the node to containers behind the bridge. A port that was somebody else's is taken over.
func AddHostPorts(bridge string, all []HostPort) error {
	return eachFamily(all, func(h *hostPorts, ports []HostPort) error {
		// An element that exists with other data cannot be replaced unless it is deleted first, and only what exists can be deleted.
		if err := h.delete(ports); err != nil {
			return err
		}
		h.skeleton(bridge)
		for _, p := range ports {
			set, k := h.place(p)
			value := append(p.Container.Addr().AsSlice(), pad16(p.Container.Port())...)
			_ = h.conn.SetAddElements(set, []nft.SetElement{{Key: k, Val: value}})
			_ = h.conn.SetAddElements(h.hairpin, []nft.SetElement{{Key: slices.Repeat(p.Container.Addr().AsSlice(), 2)}})
		}
		return h.commit()
	})
}

// DeleteHostPorts closes ports. It is no error when they are closed already.
func DeleteHostPorts(all []HostPort) error {
	return eachFamily(all, func(h *hostPorts, ports []HostPort) error { return h.delete(ports) })
}

// delete removes elements one by one: a transaction fails as a whole when one of them is missing.
func (h *hostPorts) delete(ports []HostPort) error {
	for _, p := range ports {
		set, k := h.place(p)
		for s, k := range map[*nft.Set][]byte{set: k, h.hairpin: slices.Repeat(p.Container.Addr().AsSlice(), 2)} {
			_ = h.conn.SetDeleteElements(s, []nft.SetElement{{Key: k}})
			if err := h.commit(); err != nil && !errors.Is(err, unix.ENOENT) {
				return err
			}
		}
	}
	return nil
}

func (h *hostPorts) place(p HostPort) (*nft.Set, []byte) {
	protocol := byte(unix.IPPROTO_TCP)
	switch strings.ToLower(p.Protocol) {
	case "udp":
		protocol = unix.IPPROTO_UDP
	case "sctp":
		protocol = unix.IPPROTO_SCTP
	}
	k := append([]byte{protocol, 0, 0, 0}, pad16(p.Port)...)
	if !p.HostIP.IsValid() || p.HostIP.IsUnspecified() {
		return h.ports, k
	}
	return h.exact, append(p.HostIP.AsSlice(), k...)
}

func eachFamily(all []HostPort, do func(*hostPorts, []HostPort) error) error {
	for _, f := range []family{ipv4(), ipv6()} {
		var ports []HostPort
		for _, p := range all {
			if p.Container.Addr().Is6() == f.is6() {
				ports = append(ports, p)
			}
		}
		if len(ports) == 0 {
			continue
		}
		h, err := openHostPorts(f)
		if err != nil {
			return err
		}
		if err := do(h, ports); err != nil {
			return fmt.Errorf("setting host ports: %w", err)
		}
	}
	return nil
}
