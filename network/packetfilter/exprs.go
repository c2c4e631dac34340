package packetfilter

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	nft "github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Registers of 32 bits: keys are built from key on, a map's data is loaded from data on.
const (
	key  = unix.NFT_REG32_00
	data = unix.NFT_REG32_00 + 8
)

// family is what differs between IPv4 and IPv6 in rules.
type family struct {
	table                       nft.TableFamily
	proto                       uint32
	address                     nft.SetDatatype
	source, destination, length uint32
}

func ipv4() family {
	return family{nft.TableFamilyIPv4, unix.NFPROTO_IPV4, nft.TypeIPAddr, 12, 16, 4}
}

func ipv6() family {
	return family{nft.TableFamilyIPv6, unix.NFPROTO_IPV6, nft.TypeIP6Addr, 8, 24, 16}
}

// words is the number of registers that an address takes.
func (f family) words() uint32 { return f.length / 4 }

func (f family) is6() bool { return f.length == 16 }

type exprs []expr.Any

func join(parts ...exprs) exprs {
	var out exprs
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func (f family) load(offset, register uint32) exprs {
	return exprs{&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: f.length}}
}

// match goes on when the address at the offset is inside of the prefix (CmpOpEq) or outside (CmpOpNeq).
func (f family) match(offset uint32, p netip.Prefix, op expr.CmpOp) exprs {
	mask := make([]byte, f.length)
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return join(f.load(offset, key), exprs{
		&expr.Bitwise{SourceRegister: key, DestRegister: key, Len: f.length, Mask: mask, Xor: make([]byte, f.length)},
		&expr.Cmp{Op: op, Register: key, Data: p.Masked().Addr().AsSlice()},
	})
}

func protocolAndPort(register uint32) exprs {
	return exprs{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register},
		&expr.Payload{DestRegister: register + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
	}
}

func toLocalAddress() exprs {
	return exprs{
		&expr.Fib{Register: key, ResultADDRTYPE: true, FlagDADDR: true},
		&expr.Cmp{Op: expr.CmpOpEq, Register: key, Data: native(unix.RTN_LOCAL)},
	}
}

// rewrittenDestination goes on for connections whose destination was rewritten.
func rewrittenDestination() exprs {
	const statusDNAT = 1 << 5
	return exprs{
		&expr.Ct{Key: expr.CtKeySTATUS, Register: key},
		&expr.Bitwise{SourceRegister: key, DestRegister: key, Len: 4, Mask: native(statusDNAT), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: key, Data: native(0)},
	}
}

// rewriteBy sends the connection where the map says for the key; without an entry the rule does nothing.
func (f family) rewriteBy(s *nft.Set) exprs {
	return exprs{
		&expr.Lookup{SourceRegister: key, SetName: s.Name, SetID: s.ID, DestRegister: data, IsDestRegSet: true},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: f.proto, Specified: true, RegAddrMin: data, RegProtoMin: data + f.words()},
	}
}

func masquerade() exprs { return exprs{&expr.Masq{FullyRandom: true}} }

func native(v uint32) []byte { return binaryutil.NativeEndian.PutUint32(v) }

func pad16(v uint16) []byte {
	b := make([]byte, 4)
	binary.BigEndian.PutUint16(b, v)
	return b
}

func interfaceName(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

// batch is a transaction on one table.
type batch struct {
	conn  *nft.Conn
	table *nft.Table
}

func newBatch(name string, f family) (*batch, error) {
	conn, err := nft.New()
	if err != nil {
		return nil, fmt.Errorf("opening a netfilter socket: %w", err)
	}
	return &batch{conn: conn, table: &nft.Table{Name: name, Family: f.table}}, nil
}

// base writes a chain that the kernel calls, replacing the rules that it has.
func (b *batch) base(name string, kind nft.ChainType, hook *nft.ChainHook, priority int, rules ...exprs) {
	c := b.conn.AddChain(&nft.Chain{
		Table: b.table, Name: name, Type: kind, Hooknum: hook, Priority: nft.ChainPriorityRef(nft.ChainPriority(priority)),
	})
	b.conn.FlushChain(c)
	for _, r := range rules {
		b.conn.AddRule(&nft.Rule{Table: b.table, Chain: c, Exprs: r})
	}
}

func (b *batch) commit() error {
	if err := b.conn.Flush(); err != nil {
		return fmt.Errorf("changing table %s: %w", b.table.Name, err)
	}
	return nil
}
