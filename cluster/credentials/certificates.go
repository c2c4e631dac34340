package credentials

import (
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// Certificates of one control plane and its machine's node.
type Certificates struct {
	Authority *pki.Authority
	// These are made again before they end.
	serving   *pki.Live // of the API server
	Admin     *pki.Live
	toKubelet *pki.Live // by which the API server authenticates to kubelets
	Kubelet   *pki.Live // by which the kubelet serves
	Tokens    *ecdsa.PrivateKey
	// FrontProxy signs frontProxyClient, by which the API server calls those of APIServices.
	FrontProxy       *pki.Authority
	frontProxyClient *pki.Live
	// others are looked after with every handshake, for who uses them reads files.
	others []*pki.Live
	Handed handed
	Join   join.Token // with which agents join

	served  showing            // by which the API server serves: serving, or the user's
	Trusted []byte             // by which clients know it, in PEM
	Clients *clientAuthorities // whose client certificates are believed
	Proxies *clientAuthorities // of front proxies
}

// showing is a certificate of now.
type showing interface {
	Serving(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
	Calling(request *tls.CertificateRequestInfo) (*tls.Certificate, error)
}

// Open reads or makes all certificates below DataDir/pki, or keeps them in memory.
func Open(o *options.Options) (*Certificates, error) {
	return openCertificatesAt(o, time.Now)
}

// openCertificatesAt is Open by a clock of its own. Nothing is made here that is not needed at once: leaves of Later are made when they are
// first shown.
func openCertificatesAt(o *options.Options, now func() time.Time) (*Certificates, error) {
	dir, frontProxy := filepath.Join(o.DataDir, "pki"), filepath.Join(o.DataDir, "pki", "front-proxy")
	if o.Ephemeral {
		dir, frontProxy = "", ""
	}
	authority, err := pki.Open(dir, "coxswain-ca", now)
	if err != nil {
		return nil, err
	}
	c := &Certificates{Authority: authority, Handed: handed{now: now}}
	names, addresses := servingNames(o)
	leaves := []struct {
		live    **pki.Live
		open    func(pki.Request) (*pki.Live, error)
		request pki.Request
	}{
		{&c.serving, authority.Live, pki.Request{Name: "apiserver", CommonName: "kube-apiserver", DNSNames: names, Addresses: addresses, Server: true}},
		{&c.Admin, authority.Live, pki.Request{Name: "admin", CommonName: "admin", Groups: []string{"system:masters"}, Client: true}},
		{&c.toKubelet, authority.Later, pki.Request{Name: "apiserver-kubelet-client", CommonName: identity.KubeletClient, Client: true}},
		{&c.Kubelet, authority.Later, pki.Request{
			Name: "kubelet", CommonName: "system:node:" + o.NodeName, Groups: []string{"system:nodes"}, Server: true,
			DNSNames: []string{o.NodeName}, Addresses: []net.IP{net.ParseIP(o.NodeIP), net.IPv4(127, 0, 0, 1)},
		}},
	}
	for _, leaf := range leaves {
		if *leaf.live, err = leaf.open(leaf.request); err != nil {
			return nil, err
		}
	}
	if c.FrontProxy, err = pki.Open(frontProxy, "coxswain-front-proxy-ca", now); err != nil {
		return nil, err
	}
	if c.frontProxyClient, err = c.FrontProxy.Later(pki.Request{Name: "client", CommonName: identity.FrontProxyName, Client: true}); err != nil {
		return nil, err
	}
	if c.Join, err = openToken(o, authority.CertPEM); err != nil {
		return nil, err
	}
	if c.Tokens, err = pki.SigningKey(dir); err != nil {
		return nil, err
	}
	return c, errors.Join(c.openServed(&o.ServingOptions), c.openClientCAs(o))
}

// serve shows the serving certificate of now. What is only read from files is made again here, too, before it ends.
func (c *Certificates) serve(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	for _, other := range c.others {
		other.Pair()
	}
	c.Handed.look(c.Admin.Pair())
	return c.served.Serving(hello)
}

// Keep looks after further certificates with every handshake, for who uses them reads files.
func (c *Certificates) Keep(others []*pki.Live) { c.others = others }

// Tell has somebody told of what cannot be made again.
func (c *Certificates) Tell(tell func(error)) {
	for _, live := range append([]*pki.Live{c.serving, c.Admin, c.toKubelet, c.Kubelet, c.frontProxyClient}, c.others...) {
		live.Tell(tell)
	}
}

// Handed is the administrator's certificate as others have it.
type handed struct {
	now func() time.Time

	mu    sync.Mutex
	known *pki.Pair
	again time.Time // not before this time
	on    func(*pki.Pair) error
}

// Follow has on called when there is another than known, and a minute later again when that fails.
func (h *handed) Follow(known *pki.Pair, on func(*pki.Pair) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known, h.on = known, on
}

func (h *handed) look(admin *pki.Pair) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.on == nil || h.known == admin || h.now().Before(h.again) {
		return
	}
	if h.on(admin) == nil {
		h.known = admin
	} else {
		h.again = h.now().Add(time.Minute)
	}
}

// servingNames are all names and addresses by which clients may call the API server.
func servingNames(o *options.Options) ([]string, []net.IP) {
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + o.ClusterDomain, "localhost", o.NodeName}
	addresses := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.ParseIP(o.ServiceIP(1))}
	for _, more := range append([]string{o.NodeIP, o.AdvertiseAddress, o.BindAddress}, o.TLSSANs...) {
		ip := net.ParseIP(more)
		switch {
		case ip == nil:
			names = append(names, more)
		case !ip.IsUnspecified():
			addresses = append(addresses, ip)
		}
	}
	return names, addresses
}
