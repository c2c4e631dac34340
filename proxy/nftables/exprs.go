package nftables

import (
	"encoding/binary"
	"net/netip"

	nft "github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Registers of 32 bits, NFT_REG32_00 and on. Keys are built from reg0, picked endpoints from regPicked (an IPv6 address and a port
// take five), the random number is out of the way of both.
const (
	reg0      = unix.NFT_REG32_00
	regPicked = unix.NFT_REG32_00 + 4
	regRandom = unix.NFT_REG32_00 + 10
)

// masqueradeMark is the bit of the packet mark that asks for masquerading in postrouting; kube-proxy's too.
const masqueradeMark = 0x4000

type exprs []expr.Any

func join(parts ...exprs) exprs {
	var out exprs
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// loadSource puts the packet's source into the first register.
func (f family) loadSource() exprs {
	return exprs{&expr.Payload{DestRegister: reg0, Base: expr.PayloadBaseNetworkHeader, Offset: f.source, Len: f.length}}
}

func (f family) loadDestination(reg uint32) exprs {
	return exprs{&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: f.destination, Len: f.length}}
}

func loadProtocolAndPort(reg uint32) exprs {
	return exprs{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg},
		&expr.Payload{DestRegister: reg + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
	}
}

// matchPrefix goes on when the first register holds an address inside of p (or, with op Neq, outside).
func (f family) matchPrefix(p netip.Prefix, op expr.CmpOp) exprs {
	mask := make([]byte, f.length)
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return exprs{
		&expr.Bitwise{SourceRegister: reg0, DestRegister: reg0, Len: f.length, Mask: mask, Xor: make([]byte, f.length)},
		&expr.Cmp{Op: op, Register: reg0, Data: p.Masked().Addr().AsSlice()},
	}
}

// matchLocal goes on when the packet's source (or destination) is an address of this node.
func matchLocal(source bool) exprs {
	return exprs{
		&expr.Fib{Register: reg0, ResultADDRTYPE: true, FlagSADDR: source, FlagDADDR: !source},
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg0, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)},
	}
}

func matchSet(reg uint32, s *nft.Set) exprs {
	return exprs{&expr.Lookup{SourceRegister: reg, SetName: s.Name, SetID: s.ID}}
}

// lookup loads what a map has for the key, or leaves the rule when it has nothing.
func lookup(reg uint32, s *nft.Set, into uint32) exprs {
	return exprs{&expr.Lookup{SourceRegister: reg, SetName: s.Name, SetID: s.ID, DestRegister: into, IsDestRegSet: true}}
}

// dispatch does what a verdict map says for the key, which begins in the first register.
func dispatch(s *nft.Set) exprs { return lookup(reg0, s, unix.NFT_REG_VERDICT) }

func jump(chain string) exprs {
	return exprs{&expr.Verdict{Kind: expr.VerdictJump, Chain: chain}}
}

func goTo(chain string) exprs {
	return exprs{&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}}
}

func verdict(k expr.VerdictKind) exprs { return exprs{&expr.Verdict{Kind: k}} }

// markToMasquerade sets the bit that asks for masquerading.
func markToMasquerade() exprs {
	return exprs{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: reg0},
		&expr.Bitwise{SourceRegister: reg0, DestRegister: reg0, Len: 4, Mask: native(^uint32(masqueradeMark)), Xor: native(masqueradeMark)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: reg0},
	}
}

// masqueradeMarked masquerades packets with the bit and takes the bit off.
func masqueradeMarked() exprs {
	return exprs{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: reg0},
		&expr.Bitwise{SourceRegister: reg0, DestRegister: reg0, Len: 4, Mask: native(masqueradeMark), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg0, Data: native(0)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: reg0},
		&expr.Bitwise{SourceRegister: reg0, DestRegister: reg0, Len: 4, Mask: native(^uint32(masqueradeMark)), Xor: native(0)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: reg0},
		&expr.Masq{FullyRandom: true},
	}
}

func matchTCP() exprs {
	return exprs{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg0},
		&expr.Cmp{Op: expr.CmpOpEq, Register: reg0, Data: []byte{unix.IPPROTO_TCP}},
	}
}

// matchNew goes on for the first packet of a connection.
func matchNew() exprs { return matchState(expr.CtStateBitNEW) }

// matchInvalid goes on for packets that belong to no connection that conntrack knows, nor begin one.
func matchInvalid() exprs { return matchState(expr.CtStateBitINVALID) }

func matchState(bit uint32) exprs {
	return exprs{
		&expr.Ct{Key: expr.CtKeySTATE, Register: reg0},
		&expr.Bitwise{SourceRegister: reg0, DestRegister: reg0, Len: 4, Mask: native(bit), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg0, Data: native(0)},
	}
}

// matchRewritten goes on when the connection's destination was rewritten.
func matchRewritten() exprs {
	const statusDNAT = 1 << 5
	return exprs{
		&expr.Ct{Key: expr.CtKeySTATUS, Register: reg0},
		&expr.Bitwise{SourceRegister: reg0, DestRegister: reg0, Len: 4, Mask: native(statusDNAT), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg0, Data: native(0)},
	}
}

// notLoopback goes on for packets that leave over a link: a process of the node that reaches another one needs no other address.
func notLoopback() exprs {
	lo := make([]byte, unix.IFNAMSIZ)
	copy(lo, "lo")
	return exprs{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: reg0}, &expr.Cmp{Op: expr.CmpOpNeq, Register: reg0, Data: lo}}
}

// rewrite sends the connection to the address and port in the registers from regPicked on.
func (f family) rewrite() exprs {
	return exprs{&expr.NAT{
		Type: expr.NATTypeDestNAT, Family: f.proto, Specified: true,
		RegAddrMin: regPicked, RegProtoMin: regPicked + f.words(),
	}}
}

func native(v uint32) []byte { return binaryutil.NativeEndian.PutUint32(v) }

// addressPort is an address and a port as a key or as data: each part padded to whole registers.
func addressPort(a netip.AddrPort) []byte {
	return append(a.Addr().AsSlice(), pad16(a.Port())...)
}

func pad16(v uint16) []byte {
	b := make([]byte, 4)
	binary.BigEndian.PutUint16(b, v)
	return b
}
