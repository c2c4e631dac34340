package dns

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"strings"

	mdns "github.com/miekg/dns"
)

// ttl of all answers from the cluster, also of "no such name", in seconds.
const ttl = 5

// maxAliases bounds chains of ExternalNames that point at each other.
const maxAliases = 8

// answer builds the reply to a request. Network is udp or tcp.
func (s *Server) answer(ctx context.Context, request *mdns.Msg, network string) *mdns.Msg {
	reply := new(mdns.Msg)
	reply.SetReply(request)
	if request.Opcode != mdns.OpcodeQuery || len(request.Question) != 1 {
		reply.SetRcode(request, mdns.RcodeNotImplemented)
		return reply
	}
	q := request.Question[0]
	name := strings.ToLower(q.Name)
	if q.Qclass != mdns.ClassINET && q.Qclass != mdns.ClassANY {
		reply.SetRcode(request, mdns.RcodeRefused)
		return reply
	}
	reply.RecursionAvailable = true
	if s.index.contains(name) {
		s.answerName(ctx, reply, q, name)
		return reply
	}
	if ip, ok := reversed(name); ok {
		if f := s.index.reverse(ip); f.exists || s.ownsAddress(ip) {
			s.answerFound(reply, q, f)
			return reply
		}
	}
	return s.forwarder.forward(ctx, request, network)
}

func (s *Server) ownsAddress(ip netip.Addr) bool {
	for _, p := range s.OwnCIDRs {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// answerName answers for a name of the cluster's domain and follows the aliases that it leads to.
func (s *Server) answerName(ctx context.Context, reply *mdns.Msg, q mdns.Question, name string) {
	f := s.index.find(name)
	for range maxAliases {
		if f.alias == "" || q.Qtype == mdns.TypeCNAME {
			break
		}
		reply.Authoritative = true
		reply.Answer = append(reply.Answer, &mdns.CNAME{Hdr: header(q.Name, mdns.TypeCNAME), Target: f.alias})
		q.Name = f.alias
		if !s.index.contains(f.alias) {
			s.answerElsewhere(ctx, reply, q)
			return
		}
		f = s.index.find(f.alias)
	}
	s.answerFound(reply, q, f)
}

// answerElsewhere adds what other name servers say about an alias. Where there are none, the alias alone is the answer.
func (s *Server) answerElsewhere(ctx context.Context, reply *mdns.Msg, q mdns.Question) {
	request := new(mdns.Msg)
	request.SetQuestion(q.Name, q.Qtype)
	if far := s.forwarder.forward(ctx, request, "udp"); far.Rcode == mdns.RcodeSuccess {
		reply.Answer = append(reply.Answer, far.Answer...)
	}
}

// answerFound adds the records of the type asked for, or says why there are none.
func (s *Server) answerFound(reply *mdns.Msg, q mdns.Question, f found) {
	reply.Authoritative = true
	before := len(reply.Answer)
	if f.exists {
		s.addRecords(reply, q, f)
	}
	if len(reply.Answer) > before {
		return
	}
	if !f.exists && before == 0 {
		reply.Rcode = mdns.RcodeNameError
	}
	if q.Qtype == mdns.TypeSOA && strings.EqualFold(q.Name, s.index.domain) {
		reply.Answer = append(reply.Answer, s.soa())
		return
	}
	reply.Ns = append(reply.Ns, s.soa())
}

func (s *Server) addRecords(reply *mdns.Msg, q mdns.Question, f found) {
	switch q.Qtype {
	case mdns.TypeA, mdns.TypeAAAA, mdns.TypeANY:
		reply.Answer = append(reply.Answer, addressRecords(q.Name, q.Qtype, f.addresses)...)
	case mdns.TypeCNAME:
		if f.alias != "" {
			reply.Answer = append(reply.Answer, &mdns.CNAME{Hdr: header(q.Name, mdns.TypeCNAME), Target: f.alias})
		}
	case mdns.TypeSRV:
		s.addServices(reply, q, f.targets)
	case mdns.TypePTR:
		for _, p := range f.pointers {
			reply.Answer = append(reply.Answer, &mdns.PTR{Hdr: header(q.Name, mdns.TypePTR), Ptr: p})
		}
	case mdns.TypeTXT:
		if f.text != "" {
			reply.Answer = append(reply.Answer, &mdns.TXT{Hdr: header(q.Name, mdns.TypeTXT), Txt: []string{f.text}})
		}
	case mdns.TypeNS:
		if strings.EqualFold(q.Name, s.index.domain) {
			reply.Answer = append(reply.Answer, &mdns.NS{Hdr: header(q.Name, mdns.TypeNS), Ns: "ns.dns." + s.index.domain})
		}
	}
}

// addServices adds SRV records, and the addresses that they lead to as additional records.
func (s *Server) addServices(reply *mdns.Msg, q mdns.Question, targets []target) {
	hosts := map[string]bool{}
	for _, t := range targets {
		reply.Answer = append(reply.Answer, &mdns.SRV{
			Hdr: header(q.Name, mdns.TypeSRV), Priority: 0, Weight: uint16(max(1, 100/len(targets))), Port: t.port, Target: t.host,
		})
		if !hosts[t.host] {
			hosts[t.host] = true
			reply.Extra = append(reply.Extra, addressRecords(t.host, mdns.TypeANY, s.index.find(t.host).addresses)...)
		}
	}
}

// addressRecords are in random order: clients take the first.
func addressRecords(name string, kind uint16, all []netip.Addr) []mdns.RR {
	var out []mdns.RR
	for _, ip := range all {
		switch {
		case ip.Is4() && kind != mdns.TypeAAAA:
			out = append(out, &mdns.A{Hdr: header(name, mdns.TypeA), A: ip.AsSlice()})
		case ip.Is6() && kind != mdns.TypeA:
			out = append(out, &mdns.AAAA{Hdr: header(name, mdns.TypeAAAA), AAAA: ip.AsSlice()})
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (s *Server) soa() mdns.RR {
	return &mdns.SOA{
		Hdr: header(s.index.domain, mdns.TypeSOA), Ns: "ns.dns." + s.index.domain, Mbox: "hostmaster." + s.index.domain,
		Serial: uint32(s.Clock.Now().Unix()), Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: ttl,
	}
}

func header(name string, kind uint16) mdns.RR_Header {
	return mdns.RR_Header{Name: name, Rrtype: kind, Class: mdns.ClassINET, Ttl: ttl}
}
