package state

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// socketOf is the socket of the embedded member of a data folder.
func socketOf(dataDir string) string { return filepath.Join(dataDir, "etcd.sock") }

// endpoint is that socket for clients.
func endpoint(dataDir string) string { return "unix://" + socketOf(dataDir) }

// Open starts the etcd within the process or connects to the one elsewhere, and leaves word in the data folder of how others
// reach it.
func Open(ctx context.Context, o *options.Options) (*Opened, error) {
	var access Access
	var err error
	e := &Opened{}
	if len(o.EtcdServers) > 0 {
		access, err = e.connect(ctx, o)
	} else {
		access, err = e.embed(ctx, o)
	}
	if err != nil {
		return e, err
	}
	if o.Ephemeral && access.isDefault(o.DataDir) {
		return e, forgetAccess(o.DataDir)
	}
	return e, access.write(o.DataDir)
}

// Opened is an etcd that keeps the state of a server.
type Opened struct {
	// Store is the member in the process, or a client of one elsewhere; nil where it could not be opened.
	Store storage.Store
	// Kept are the certificates of the member in the process. It reads their files with every handshake.
	Kept []*pki.Live
}

// etcdWithin is how long an etcd elsewhere may take to answer at the start.
const etcdWithin = 30 * time.Second

func (e *Opened) connect(ctx context.Context, o *options.Options) (access Access, err error) {
	access = Access{Endpoints: o.EtcdServers, Outside: true}
	for to, file := range map[*string]string{&access.CA: o.EtcdCAFile, &access.Cert: o.EtcdCertFile, &access.Key: o.EtcdKeyFile} {
		if file == "" {
			continue
		}
		if *to, err = filepath.Abs(file); err != nil { // others use it from elsewhere
			return access, err
		}
	}
	within, cancel := context.WithTimeout(ctx, etcdWithin)
	defer cancel()
	client, err := etcd.Connect(within, etcd.Remote{
		Endpoints: access.Endpoints, TLS: access.TLS(), Prefix: o.KeyPrefix(), Logger: log.FromContext(ctx).WithName("etcd"),
	})
	if err != nil {
		return access, fmt.Errorf("%w; does it run there, and do --etcd-cafile, --etcd-certfile and --etcd-keyfile belong to it?", err)
	}
	e.Store = client
	return access, nil
}

func (e *Opened) embed(ctx context.Context, o *options.Options) (Access, error) {
	logger := log.FromContext(ctx).WithName("etcd")
	socket := endpoint(o.DataDir)
	access := Access{Endpoints: []string{socket}}
	config := etcd.Config{
		Dir: filepath.Join(o.DataDir, "etcd"), Logger: logger, ClientURLs: []string{socket}, Quota: o.EtcdQuotaBackendBytes,
		CompactionMode: o.EtcdAutoCompactionMode, CompactionRetention: o.EtcdAutoCompactionRetention, UnsafeNoFsync: o.EtcdUnsafeNoFsync,
	}
	switch {
	case o.Listener != nil:
		config.ClientURLs = nil // nobody elsewhere reaches a control plane in memory
	case o.Ephemeral: // hardly anybody calls
		config.ClientURLs, config.Socket = nil, socketOf(o.DataDir)
	}
	if urls := etcdURLs(o); len(urls) > 0 {
		server, client, kept, err := EtcdCertificates(o, urls)
		if err != nil {
			return access, fmt.Errorf("preparing the certificates of etcd: %w", err)
		}
		e.Kept = kept
		config.ClientURLs, config.ClientTLS, config.Socket = append(urls, socket), server, ""
		access = Access{Endpoints: urls, CA: client.CA, Cert: client.Cert, Key: client.Key}
	}
	member, err := etcd.Embed(ctx, config)
	if err != nil {
		return access, fmt.Errorf("starting etcd in %s: %w", o.DataDir, err)
	}
	e.Store = member
	return access, nil
}

// etcdURLs are where the embedded member listens, beside its socket. The default port may belong to another etcd of this
// machine: nobody who did not ask for it need know.
func etcdURLs(o *options.Options) []string {
	switch urls := o.EtcdListenClientURLs; {
	case len(urls) == 1 && urls[0] == options.ListenNowhere:
		return nil
	case len(urls) > 0:
		return urls
	case o.HTTPSListenPort == 0:
		return nil
	}
	free, err := net.Listen("tcp", strings.TrimPrefix(options.DefaultEtcdListen, "https://"))
	if err != nil {
		return nil
	}
	free.Close()
	return []string{options.DefaultEtcdListen}
}

// EtcdCertificates are of an authority of their own: what the cluster's signs, any user who may ask for a certificate can have.
func EtcdCertificates(o *options.Options, urls []string) (server, client *etcd.TLS, kept []*pki.Live, err error) {
	dir := filepath.Join(o.DataDir, "pki", "etcd")
	authority, err := pki.Open(dir, "coxswain-etcd-ca", time.Now)
	if err != nil {
		return nil, nil, nil, err
	}
	names, addresses := []string{"localhost", o.NodeName}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	for _, one := range urls {
		u, err := url.Parse(one)
		if err != nil {
			return nil, nil, nil, err
		}
		switch ip := net.ParseIP(u.Hostname()); {
		case ip == nil:
			names = append(names, u.Hostname())
		case ip.IsUnspecified():
			addresses = append(addresses, net.ParseIP(o.NodeIP))
		default:
			addresses = append(addresses, ip)
		}
	}
	requests := []pki.Request{
		{Name: "server", CommonName: "etcd", DNSNames: names, Addresses: addresses, Server: true, Client: true},
		{Name: "client", CommonName: "coxswain-etcd-client", Client: true},
	}
	for _, request := range requests {
		live, err := authority.Live(request)
		if err != nil {
			return nil, nil, nil, err
		}
		kept = append(kept, live)
	}
	files := func(name string) *etcd.TLS {
		return &etcd.TLS{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}
	}
	return files("server"), files("client"), kept, nil
}
