package dns

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
	"k8s.io/utils/clock"
)

const (
	// patience with one name server, for one question.
	patience = 2 * time.Second
	// A name server that failed so many times in a row rests for so long: clients learn quickly that there is no answer.
	failures = 3
	rest     = 5 * time.Second
	// concurrent bounds the questions that wait for other name servers.
	concurrent = 512
)

// forwarder asks the machine's name servers for names outside of the cluster.
type forwarder struct {
	file  string
	clock clock.Clock
	slots chan struct{}
	// own are addresses of this name server, which must not be asked.
	own func(netip.AddrPort) bool

	mu       sync.Mutex
	modified time.Time
	servers  []string
	health   map[string]health
}

// health of a name server: how often it has failed in a row, and until when it rests.
type health struct {
	failed int
	rests  time.Time
}

func newForwarder(file string, c clock.Clock, own func(netip.AddrPort) bool) *forwarder {
	return &forwarder{file: file, clock: c, own: own, slots: make(chan struct{}, concurrent), health: map[string]health{}}
}

// forward returns the reply of the first name server that gives one: refused when there are none, a failure when none answers.
func (f *forwarder) forward(ctx context.Context, request *mdns.Msg, network string) *mdns.Msg {
	servers, configured := f.upstreams()
	if !configured {
		return failure(request, mdns.RcodeRefused)
	}
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	default:
		return failure(request, mdns.RcodeServerFailure)
	}
	for _, server := range servers {
		reply, err := ask(ctx, request, network, server)
		if ctx.Err() != nil {
			break
		}
		f.note(server, err == nil)
		if err == nil {
			reply.Id = request.Id
			return reply
		}
	}
	return failure(request, mdns.RcodeServerFailure)
}

// note remembers whether a name server answered.
func (f *forwarder) note(server string, answered bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if answered {
		delete(f.health, server)
		return
	}
	h := f.health[server]
	if h.failed++; h.failed >= failures {
		h.rests = f.clock.Now().Add(rest)
	}
	f.health[server] = h
}

func failure(request *mdns.Msg, code int) *mdns.Msg {
	reply := new(mdns.Msg)
	reply.SetRcode(request, code)
	reply.RecursionAvailable = true
	return reply
}

// ask asks one name server, over TCP too when its answer does not fit.
func ask(ctx context.Context, request *mdns.Msg, network, server string) (*mdns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	question := request.Copy()
	question.Id = mdns.Id()
	client := &mdns.Client{Net: network, Timeout: patience, UDPSize: mdns.MaxMsgSize}
	reply, _, err := client.ExchangeContext(ctx, question, server)
	if err == nil && reply.Truncated && network == "udp" {
		client.Net = "tcp"
		if whole, _, err := client.ExchangeContext(ctx, question, server); err == nil {
			return whole, nil
		}
	}
	return reply, err
}

// upstreams are the name servers to ask, in order, without those that rest, and whether there are any at all. The file is read
// again when it has changed.
func (f *forwarder) upstreams() (servers []string, configured bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reload()
	now := f.clock.Now()
	servers = slices.DeleteFunc(slices.Clone(f.servers), func(s string) bool { return f.health[s].rests.After(now) })
	return servers, len(f.servers) > 0
}

func (f *forwarder) reload() {
	info, err := os.Stat(f.file)
	if errors.Is(err, fs.ErrNotExist) {
		f.servers, f.modified = nil, time.Time{}
		return
	}
	if err != nil || info.ModTime().Equal(f.modified) {
		return
	}
	config, err := mdns.ClientConfigFromFile(f.file)
	if err != nil {
		return
	}
	f.servers, f.modified = nil, info.ModTime()
	for _, s := range config.Servers {
		address := net.JoinHostPort(s, config.Port)
		if parsed, err := netip.ParseAddrPort(address); err == nil && !f.own(parsed) {
			f.servers = append(f.servers, address)
		}
	}
}
