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
	// rest is how long a name server that did not answer is not asked again, so that clients learn quickly.
	rest = 5 * time.Second
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
	resting  map[string]time.Time
}

func newForwarder(file string, c clock.Clock, own func(netip.AddrPort) bool) *forwarder {
	return &forwarder{file: file, clock: c, own: own, slots: make(chan struct{}, concurrent), resting: map[string]time.Time{}}
}

// forward returns the reply of the first name server that gives one: refused when there are none, a failure when none answers.
func (f *forwarder) forward(ctx context.Context, request *mdns.Msg, network string) *mdns.Msg {
	servers := f.upstreams()
	if len(servers) == 0 {
		return failure(request, mdns.RcodeRefused)
	}
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	default:
		return failure(request, mdns.RcodeServerFailure)
	}
	for _, server := range servers {
		if reply, err := ask(ctx, request, network, server); err == nil {
			reply.Id = request.Id
			return reply
		}
		if ctx.Err() != nil {
			break
		}
		f.mu.Lock()
		f.resting[server] = f.clock.Now().Add(rest)
		f.mu.Unlock()
	}
	return failure(request, mdns.RcodeServerFailure)
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

// upstreams are the name servers to ask, in order, without those that rest. The file is read again when it has changed.
func (f *forwarder) upstreams() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reload()
	now := f.clock.Now()
	return slices.DeleteFunc(slices.Clone(f.servers), func(s string) bool { return f.resting[s].After(now) })
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
