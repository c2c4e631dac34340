package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	mdns "github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/network/subscription"
)

// Server is the cluster's name server on one node.
type Server struct {
	// Cache gives the informers of Services, EndpointSlices and Namespaces.
	Cache cache.Cache
	// Domain of the cluster. Default: cluster.local.
	Domain string
	// Listen are the addresses to listen on, by UDP and TCP. Port 0 picks a free one, the same for both; Addresses tells.
	Listen []netip.AddrPort
	// OwnCIDRs are the networks of pods and Services: nobody else is asked for names of their addresses.
	OwnCIDRs []netip.Prefix
	// ServiceIPs are the addresses under which pods reach this server; as the machine's name servers they are passed over.
	ServiceIPs []netip.Addr
	// ResolvConf names the name servers for all other names. Default: /etc/resolv.conf.
	ResolvConf string
	// Clock is for tests. Default: the real one.
	Clock clock.Clock

	started   sync.Once
	ready     chan struct{}
	addresses []netip.AddrPort
	index     *index
	forwarder *forwarder
}

// Ready is closed when the server listens and knows everything that the informers know.
func (s *Server) Ready() <-chan struct{} {
	s.started.Do(func() { s.ready = make(chan struct{}) })
	return s.ready
}

// Addresses are those that the server listens on, once it is ready.
func (s *Server) Addresses() []netip.AddrPort { return s.addresses }

// Run answers until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	s.setDefaults()
	servers, err := s.listen(ctx)
	if err != nil {
		return fmt.Errorf("starting the name server: %w", err)
	}
	stop, err := s.subscribe(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("starting the name server: %w", err), closeAll(servers))
	}
	defer stop()
	failed := make(chan error, len(servers))
	var running sync.WaitGroup
	for _, server := range servers {
		running.Go(func() { failed <- server.ActivateAndServe() })
	}
	logr.FromContextOrDiscard(ctx).WithName("dns").Info("Answering", "domain", s.Domain, "addresses", s.addresses)
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
		err = fmt.Errorf("answering: %w", err)
	}
	_ = closeAll(servers)
	running.Wait()
	return err
}

func (s *Server) setDefaults() {
	if s.Domain == "" {
		s.Domain = "cluster.local"
	}
	if s.ResolvConf == "" {
		s.ResolvConf = "/etc/resolv.conf"
	}
	if s.Clock == nil {
		s.Clock = clock.RealClock{}
	}
	s.index = newIndex(s.Domain)
	s.forwarder = newForwarder(s.ResolvConf, s.Clock, s.isSelf)
}

func (s *Server) isSelf(a netip.AddrPort) bool {
	return slices.Contains(s.addresses, a) || slices.Contains(s.ServiceIPs, a.Addr())
}

// listen opens all sockets before any question is answered.
func (s *Server) listen(ctx context.Context) (servers []*mdns.Server, err error) {
	s.addresses = nil
	for _, address := range s.Listen {
		l, p, err := listenBoth(ctx, address)
		if err != nil {
			return nil, errors.Join(err, closeAll(servers))
		}
		bound := netip.MustParseAddrPort(l.Addr().String())
		s.addresses = append(s.addresses, netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port()))
		servers = append(servers,
			&mdns.Server{Listener: l, Handler: s.handler(ctx, "tcp")},
			&mdns.Server{PacketConn: p, Handler: s.handler(ctx, "udp"), UDPSize: mdns.DefaultMsgSize})
	}
	return servers, nil
}

// listenBoth opens the same port for TCP and UDP. A free port of one may be taken in the other: then another one is tried.
func listenBoth(ctx context.Context, address netip.AddrPort) (net.Listener, net.PacketConn, error) {
	var config net.ListenConfig
	for attempt := 1; ; attempt++ {
		l, err := config.Listen(ctx, "tcp", address.String())
		if err != nil {
			return nil, nil, fmt.Errorf("listening on %s/tcp: %w", address, err)
		}
		p, err := config.ListenPacket(ctx, "udp", l.Addr().String())
		if err == nil {
			return l, p, nil
		}
		_ = l.Close()
		if address.Port() != 0 || attempt == 10 {
			return nil, nil, fmt.Errorf("listening on %s/udp: %w", address, err)
		}
	}
}

// closeAll closes the sockets; servers that have not begun yet cannot be shut down otherwise.
func closeAll(servers []*mdns.Server) error {
	var errs []error
	for _, server := range servers {
		if err := server.Shutdown(); err == nil {
			continue
		}
		if server.Listener != nil {
			errs = append(errs, server.Listener.Close())
		} else {
			errs = append(errs, server.PacketConn.Close())
		}
	}
	return errors.Join(errs...)
}

func (s *Server) handler(ctx context.Context, network string) mdns.Handler {
	return mdns.HandlerFunc(func(w mdns.ResponseWriter, request *mdns.Msg) {
		reply := s.answer(ctx, request, network)
		finish(reply, request, network)
		_ = w.WriteMsg(reply) // a client that is gone is no failure
	})
}

// finish makes the reply fit: what the client can take over UDP, and EDNS0 for a client that speaks it.
func finish(reply, request *mdns.Msg, network string) {
	const ours = 1232
	size := mdns.MinMsgSize
	if opt := request.IsEdns0(); opt != nil {
		size = max(size, int(opt.UDPSize()))
		if reply.IsEdns0() == nil {
			reply.SetEdns0(ours, false)
		}
		if opt.Version() != 0 {
			*reply = mdns.Msg{MsgHdr: reply.MsgHdr, Question: request.Question}
			reply.SetEdns0(ours, false)
			reply.Rcode = mdns.RcodeBadVers
		}
	}
	if network == "tcp" {
		size = mdns.MaxMsgSize
	}
	reply.Compress = true
	reply.Truncate(size)
}

// subscribe waits until everything is known and closes Ready.
func (s *Server) subscribe(ctx context.Context) (stop func(), err error) {
	x := s.index
	all, err := subscription.Open(ctx, s.Cache,
		subscription.Kind{Object: &corev1.Namespace{}, Handler: subscription.Handler(x.setNamespace, x.deleteNamespace)},
		subscription.Kind{Object: &corev1.Service{}, Handler: subscription.Handler(x.setService, x.deleteService)},
		subscription.Kind{Object: &discoveryv1.EndpointSlice{}, Handler: subscription.Handler(x.setSlice, x.deleteSlice)},
	)
	if err != nil {
		return nil, err
	}
	if all.Wait(ctx) {
		_ = s.Ready()
		close(s.ready)
	}
	return all.Stop, nil
}
