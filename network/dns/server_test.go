package dns

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/google/go-cmp/cmp"
)

// fixture is a running server.
type fixture struct {
	t      *testing.T
	server *Server
	cache  *informertest.FakeInformers
}

func start(t *testing.T, change ...func(*Server)) *fixture {
	f := &fixture{t: t, cache: &informertest.FakeInformers{}}
	f.server = &Server{
		Cache: f.cache, Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")},
		OwnCIDRs:   []netip.Prefix{netip.MustParsePrefix("10.42.0.0/15")},
		ResolvConf: filepath.Join(t.TempDir(), "resolv.conf"),
	}
	for _, c := range change {
		c(f.server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("running: %v", err)
		}
	})
	select {
	case <-f.server.Ready():
	case <-time.After(time.Minute):
		t.Fatal("the server is not ready")
	}
	return f
}

func (f *fixture) add(objects ...client.Object) {
	f.t.Helper()
	for _, o := range objects {
		i, err := f.cache.FakeInformerFor(context.Background(), o)
		if err != nil {
			f.t.Fatal(err)
		}
		i.Add(o)
	}
}

func (f *fixture) remove(o client.Object) {
	f.t.Helper()
	i, err := f.cache.FakeInformerFor(context.Background(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	i.Delete(o)
}

func (f *fixture) exchange(network, name string, kind uint16, change ...func(*mdns.Msg)) *mdns.Msg {
	f.t.Helper()
	m := new(mdns.Msg).SetQuestion(name, kind)
	for _, c := range change {
		c(m)
	}
	client := &mdns.Client{Net: network, Timeout: time.Minute}
	r, _, err := client.Exchange(m, f.server.Addresses()[0].String())
	if err != nil {
		f.t.Fatalf("asking for %s: %v", name, err)
	}
	return r
}

// expect asks for a name and compares the answers, each as "TYPE DATA", in any order.
func (f *fixture) expect(name, kind string, want ...string) {
	f.t.Helper()
	r := f.exchange("udp", name, mdns.StringToType[kind])
	if r.Rcode != mdns.RcodeSuccess {
		f.t.Errorf("%s %s: %s", name, kind, mdns.RcodeToString[r.Rcode])
	}
	if diff := cmp.Diff(sorted(want), sorted(texts(r.Answer))); diff != "" {
		f.t.Errorf("%s %s: -want +got:\n%s", name, kind, diff)
	}
	if len(want) == 0 && !hasSOA(r) {
		f.t.Errorf("%s %s: no data, and no SOA that says for how long", name, kind)
	}
}

// expectCode asks for a name that must not be answered.
func (f *fixture) expectCode(name, kind string, code int) {
	f.t.Helper()
	r := f.exchange("udp", name, mdns.StringToType[kind])
	if r.Rcode != code || len(r.Answer) > 0 {
		f.t.Errorf("%s %s: got %s with %d answers, want %s", name, kind, mdns.RcodeToString[r.Rcode], len(r.Answer), mdns.RcodeToString[code])
	}
	if code == mdns.RcodeNameError && !hasSOA(r) {
		f.t.Errorf("%s %s: no SOA", name, kind)
	}
}

func hasSOA(r *mdns.Msg) bool {
	return slices.ContainsFunc(r.Ns, func(rr mdns.RR) bool {
		soa, ok := rr.(*mdns.SOA)
		return ok && soa.Minttl == ttl
	})
}

func texts(all []mdns.RR) []string {
	var out []string
	for _, rr := range all {
		h := rr.Header()
		out = append(out, mdns.TypeToString[h.Rrtype]+" "+strings.TrimPrefix(rr.String(), h.String()))
	}
	return out
}

func sorted(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return out
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func service(name string, ips ...string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: corev1.ServiceSpec{ClusterIP: ips[0], ClusterIPs: ips, Ports: []corev1.ServicePort{
			{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80}, {Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53},
		}},
	}
}

func endpointSlice1(svc string, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: svc + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: svc}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: endpoints,
		Ports: []discoveryv1.EndpointPort{{Name: ptr.To("http"), Protocol: ptr.To(corev1.ProtocolTCP), Port: ptr.To[int32](8080)}},
	}
}

func endpoint(ip, hostname string, ready bool) discoveryv1.Endpoint {
	e := discoveryv1.Endpoint{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}
	if hostname != "" {
		e.Hostname = &hostname
	}
	return e
}

func TestServices(t *testing.T) {
	f := start(t)
	f.add(namespace("default"), service("web", "10.43.0.80", "fd43::80"))
	f.expect("web.default.svc.cluster.local.", "A", "A 10.43.0.80")
	f.expect("WEB.Default.svc.CLUSTER.local.", "A", "A 10.43.0.80")
	f.expect("web.default.svc.cluster.local.", "AAAA", "AAAA fd43::80")
	f.expect("web.default.svc.cluster.local.", "MX")
	f.expect("_http._tcp.web.default.svc.cluster.local.", "SRV", "SRV 0 100 80 web.default.svc.cluster.local.")
	f.expect("_dns._udp.web.default.svc.cluster.local.", "SRV", "SRV 0 100 53 web.default.svc.cluster.local.")
	f.expectCode("_http._udp.web.default.svc.cluster.local.", "SRV", mdns.RcodeNameError)
	f.expect("_tcp.web.default.svc.cluster.local.", "SRV")
	f.expect("80.0.43.10.in-addr.arpa.", "PTR", "PTR web.default.svc.cluster.local.")
	f.expect("0.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.3.4.d.f.ip6.arpa.", "PTR", "PTR web.default.svc.cluster.local.")

	f.remove(service("web", "10.43.0.80"))
	f.expectCode("web.default.svc.cluster.local.", "A", mdns.RcodeNameError)
	f.expectCode("80.0.43.10.in-addr.arpa.", "PTR", mdns.RcodeNameError)
}

// What a resolver with a search list and ndots:5 asks for on its way to the right name.
func TestSearchLists(t *testing.T) {
	f := start(t)
	f.add(namespace("default"), namespace("empty"), service("web", "10.43.0.80"))
	f.expect("web.default.svc.cluster.local.", "AAAA") // exists: NODATA, or musl gives up
	f.expectCode("web.default.svc.cluster.local.default.svc.cluster.local.", "A", mdns.RcodeNameError)
	f.expectCode("web.svc.cluster.local.", "A", mdns.RcodeNameError)
	f.expectCode("web.cluster.local.", "A", mdns.RcodeNameError)
	f.expectCode("other.default.svc.cluster.local.", "A", mdns.RcodeNameError)
	f.expectCode("web.nowhere.svc.cluster.local.", "A", mdns.RcodeNameError)
	for _, between := range []string{"cluster.local.", "svc.cluster.local.", "empty.svc.cluster.local.", "pod.cluster.local.", "empty.pod.cluster.local."} {
		f.expect(between, "A")
	}
	f.expectCode("nowhere.svc.cluster.local.", "A", mdns.RcodeNameError)
	f.remove(namespace("empty"))
	f.expectCode("empty.svc.cluster.local.", "A", mdns.RcodeNameError)
}

func TestHeadlessServices(t *testing.T) {
	f := start(t)
	f.add(namespace("default"), service("db", "None"))
	f.expectCode("db.default.svc.cluster.local.", "A", mdns.RcodeNameError)
	f.add(endpointSlice1("db", endpoint("10.42.0.5", "db-0", true), endpoint("10.42.0.6", "", true), endpoint("10.42.0.7", "db-2", false)))
	f.expect("db.default.svc.cluster.local.", "A", "A 10.42.0.5", "A 10.42.0.6")
	f.expect("db.default.svc.cluster.local.", "AAAA")
	f.expect("db-0.db.default.svc.cluster.local.", "A", "A 10.42.0.5")
	f.expect("10-42-0-6.db.default.svc.cluster.local.", "A", "A 10.42.0.6")
	f.expectCode("db-2.db.default.svc.cluster.local.", "A", mdns.RcodeNameError)
	f.expect("_http._tcp.db.default.svc.cluster.local.", "SRV",
		"SRV 0 50 8080 db-0.db.default.svc.cluster.local.", "SRV 0 50 8080 10-42-0-6.db.default.svc.cluster.local.")
	f.expect("5.0.42.10.in-addr.arpa.", "PTR", "PTR db-0.db.default.svc.cluster.local.")
	r := f.exchange("udp", "_http._tcp.db.default.svc.cluster.local.", mdns.TypeSRV)
	if diff := cmp.Diff([]string{"A 10.42.0.5", "A 10.42.0.6"}, sorted(texts(r.Extra))); diff != "" {
		t.Errorf("additional records: -want +got:\n%s", diff)
	}

	f.add(endpointSlice1("db", endpoint("10.42.0.7", "db-2", true)))
	f.expect("db.default.svc.cluster.local.", "A", "A 10.42.0.7")
	f.expectCode("5.0.42.10.in-addr.arpa.", "PTR", mdns.RcodeNameError)
}

func TestPods(t *testing.T) {
	f := start(t)
	f.add(namespace("default"))
	f.expect("10-42-0-5.default.pod.cluster.local.", "A", "A 10.42.0.5")
	f.expect("fd42--5.default.pod.cluster.local.", "AAAA", "AAAA fd42::5")
	f.expect("10-42-0-5.default.pod.cluster.local.", "AAAA")
	f.expectCode("10-42-0-5.nowhere.pod.cluster.local.", "A", mdns.RcodeNameError)
	f.expectCode("nonsense.default.pod.cluster.local.", "A", mdns.RcodeNameError)
	f.expect("dns-version.cluster.local.", "TXT", `TXT "1.1.0"`)
}

func TestExternalNames(t *testing.T) {
	upstream := upstreamServer(t, map[string]string{"www.example.com.": "192.0.2.80"})
	f := start(t, upstream)
	external := func(name, target string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
			Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: target}}
	}
	f.add(namespace("default"), service("web", "10.43.0.80"),
		external("far", "www.example.com"), external("near", "web.default.svc.cluster.local"), external("self", "self.default.svc.cluster.local"))
	f.expect("far.default.svc.cluster.local.", "A", "CNAME www.example.com.", "A 192.0.2.80")
	f.expect("far.default.svc.cluster.local.", "CNAME", "CNAME www.example.com.")
	f.expect("near.default.svc.cluster.local.", "A", "CNAME web.default.svc.cluster.local.", "A 10.43.0.80")
	if r := f.exchange("udp", "self.default.svc.cluster.local.", mdns.TypeA); len(r.Answer) > 2*maxAliases {
		t.Errorf("a circle of aliases: %d answers", len(r.Answer))
	}
}

// upstreamServer makes the server under test forward to one that knows the given names.
func upstreamServer(t *testing.T, names map[string]string) func(*Server) {
	l, p, err := listenBoth(t.Context(), netip.MustParseAddrPort("127.0.0.53:53"))
	if err != nil {
		t.Skipf("needs to listen on port 53: %v", err)
	}
	handler := mdns.HandlerFunc(func(w mdns.ResponseWriter, request *mdns.Msg) {
		reply := new(mdns.Msg).SetReply(request)
		if ip, ok := names[strings.ToLower(request.Question[0].Name)]; !ok {
			reply.Rcode = mdns.RcodeNameError
		} else if request.Question[0].Qtype == mdns.TypeA {
			reply.Answer = addressRecords(request.Question[0].Name, mdns.TypeA, []netip.Addr{netip.MustParseAddr(ip)})
		}
		_ = w.WriteMsg(reply)
	})
	for _, server := range []*mdns.Server{{Listener: l, Handler: handler}, {PacketConn: p, Handler: handler}} {
		up := make(chan struct{})
		server.NotifyStartedFunc = func() { close(up) }
		go func() { _ = server.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return func(s *Server) { writeResolvConf(t, s.ResolvConf, "nameserver 127.0.0.53\n") }
}

func writeResolvConf(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOtherNamesAreForwarded(t *testing.T) {
	f := start(t, upstreamServer(t, map[string]string{"www.example.com.": "192.0.2.80"}))
	f.expect("www.example.com.", "A", "A 192.0.2.80")
	f.expectCodeOverTCP("other.example.com.", mdns.RcodeNameError)
}

func (f *fixture) expectCodeOverTCP(name string, code int) {
	f.t.Helper()
	if r := f.exchange("tcp", name, mdns.TypeA); r.Rcode != code {
		f.t.Errorf("%s: got %s, want %s", name, mdns.RcodeToString[r.Rcode], mdns.RcodeToString[code])
	}
}

func TestWithoutNameServersOtherNamesAreRefusedAtOnce(t *testing.T) {
	f := start(t, func(s *Server) { s.ServiceIPs = []netip.Addr{netip.MustParseAddr("10.43.0.10")} })
	f.expectCode("www.example.com.", "A", mdns.RcodeRefused)
	f.expectCode("8.8.8.8.in-addr.arpa.", "PTR", mdns.RcodeRefused)

	// The file may come later; its own address there does not make it ask itself.
	writeResolvConf(t, f.server.ResolvConf, "nameserver 10.43.0.10\n")
	f.expectCode("www.example.com.", "A", mdns.RcodeRefused)

	// A name server that does not answer is left alone after a few times.
	writeResolvConf(t, f.server.ResolvConf, "nameserver 127.0.0.77\n# longer\n")
	for range failures {
		f.expectCode("www.example.com.", "A", mdns.RcodeServerFailure)
	}
	if servers, configured := f.server.forwarder.upstreams(); len(servers) > 0 || !configured {
		t.Errorf("name servers left to ask: %v", servers)
	}
	f.expectCode("www.example.com.", "A", mdns.RcodeServerFailure)
}

func TestLargeAnswers(t *testing.T) {
	f := start(t)
	f.add(namespace("default"), service("big", "None"))
	var all []discoveryv1.Endpoint
	for i := range 200 {
		all = append(all, endpoint(netip.AddrFrom4([4]byte{10, 42, 1, byte(i)}).String(), "", true))
	}
	f.add(endpointSlice1("big", all...))
	const name = "big.default.svc.cluster.local."
	small := f.exchange("udp", name, mdns.TypeA)
	small.Compress = true // as it came
	if !small.Truncated || small.Len() > mdns.MinMsgSize {
		t.Errorf("without EDNS0: truncated %t, %d bytes", small.Truncated, small.Len())
	}
	large := f.exchange("udp", name, mdns.TypeA, func(m *mdns.Msg) { m.SetEdns0(4096, false) })
	if large.Truncated || len(large.Answer) != 200 || large.IsEdns0() == nil {
		t.Errorf("with EDNS0: truncated %t, %d answers", large.Truncated, len(large.Answer))
	}
	if r := f.exchange("tcp", name, mdns.TypeA); r.Truncated || len(r.Answer) != 200 {
		t.Errorf("over TCP: truncated %t, %d answers", r.Truncated, len(r.Answer))
	}
}
