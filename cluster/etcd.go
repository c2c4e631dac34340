package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// EtcdOptions say where the state is kept: in an etcd within the process, or in one elsewhere.
type EtcdOptions struct {
	// EtcdServers are the URLs of an etcd elsewhere, https://host:2379; default is the one within the process.
	EtcdServers []string `json:"etcd-servers,omitempty"`
	// EtcdCAFile, EtcdCertFile and EtcdKeyFile are for TLS to EtcdServers.
	EtcdCAFile   string `json:"etcd-cafile,omitempty"`
	EtcdCertFile string `json:"etcd-certfile,omitempty"`
	EtcdKeyFile  string `json:"etcd-keyfile,omitempty"`
	// EtcdPrefix of all keys; default /registry.
	EtcdPrefix string `json:"etcd-prefix,omitempty"`
	// EtcdListenClientURLs are where the etcd within the process listens for etcdctl and other clients with certificates of its
	// own authority, DataDir/pki/etcd. Default https://127.0.0.1:2379 if that is free, and nothing where HTTPSListenPort is 0, because
	// then this is one of many servers; "none" is nothing, too. The socket DataDir/etcd.sock is there always.
	EtcdListenClientURLs []string `json:"etcd-listen-client-urls,omitempty"`
	// EtcdQuotaBackendBytes in use, beyond which only deletions are accepted; default 8 GiB.
	EtcdQuotaBackendBytes int64 `json:"etcd-quota-backend-bytes,omitempty"`
	// EtcdAutoCompactionMode periodic or revision and EtcdAutoCompactionRetention, 1h or 1000, have the etcd within the process drop
	// the past by itself, too; default is that the API server drops what is older than five minutes.
	EtcdAutoCompactionMode      string `json:"etcd-auto-compaction-mode,omitempty"`
	EtcdAutoCompactionRetention string `json:"etcd-auto-compaction-retention,omitempty"`
	// EtcdUnsafeNoFsync has the etcd within the process not wait for the disk: a power failure loses data. For tests.
	EtcdUnsafeNoFsync bool `json:"etcd-unsafe-no-fsync,omitempty"`
}

const (
	defaultEtcdPrefix = "/registry"
	defaultEtcdListen = "https://127.0.0.1:2379"
	// listenNowhere is the value of EtcdListenClientURLs for none.
	listenNowhere = "none"
	// etcdWithin is how long an etcd elsewhere may take to answer at the start.
	etcdWithin = 30 * time.Second
)

// EtcdEndpoint is the socket of the embedded member of a data folder.
func EtcdEndpoint(dataDir string) string {
	return "unix://" + filepath.Join(dataDir, "etcd.sock")
}

func (o *EtcdOptions) validate() error {
	var wrong []error
	for flag, urls := range map[string][]string{"etcd-servers": o.EtcdServers, "etcd-listen-client-urls": o.EtcdListenClientURLs} {
		for _, one := range urls {
			if u, err := url.Parse(one); one != listenNowhere && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
				wrong = append(wrong, fmt.Errorf("--%s=%s: not a URL such as %s", flag, one, defaultEtcdListen))
			}
		}
	}
	if !strings.HasPrefix(o.EtcdPrefix, "/") || strings.Trim(o.EtcdPrefix, "/") == "" {
		wrong = append(wrong, fmt.Errorf("--etcd-prefix=%s: not a path such as %s", o.EtcdPrefix, defaultEtcdPrefix))
	}
	if (o.EtcdCertFile == "") != (o.EtcdKeyFile == "") {
		wrong = append(wrong, errors.New("--etcd-certfile and --etcd-keyfile: the one needs the other"))
	}
	if len(o.EtcdServers) == 0 && o.EtcdCAFile+o.EtcdCertFile != "" {
		wrong = append(wrong, errors.New("--etcd-cafile and --etcd-certfile are for --etcd-servers; the embedded etcd has certificates of its own"))
	}
	if o.EtcdQuotaBackendBytes < 0 {
		wrong = append(wrong, fmt.Errorf("--etcd-quota-backend-bytes=%d: less than nothing", o.EtcdQuotaBackendBytes))
	}
	switch o.EtcdAutoCompactionMode {
	case "", "periodic", "revision":
	default:
		wrong = append(wrong, fmt.Errorf("--etcd-auto-compaction-mode=%s: want periodic or revision", o.EtcdAutoCompactionMode))
	}
	if (o.EtcdAutoCompactionMode == "") != (o.EtcdAutoCompactionRetention == "") {
		wrong = append(wrong, errors.New("--etcd-auto-compaction-mode and --etcd-auto-compaction-retention: the one needs the other"))
	}
	return errors.Join(wrong...)
}

// keys is what all of the cluster's begin with. Who may read those may not read the prefix itself without its slash.
func (o *EtcdOptions) keys() string { return strings.TrimRight(o.EtcdPrefix, "/") + "/" }

// openEtcd starts the etcd within the process or connects to the one elsewhere, and leaves word in the data folder of how others
// reach it.
func (c *controlPlane) openEtcd(ctx context.Context) (err error) {
	var access EtcdAccess
	if len(c.options.EtcdServers) > 0 {
		access, err = c.connectEtcd(ctx)
	} else {
		access, err = c.embedEtcd(ctx)
	}
	if err != nil {
		return err
	}
	return access.write(c.options.DataDir)
}

func (c *controlPlane) connectEtcd(ctx context.Context) (access EtcdAccess, err error) {
	access = EtcdAccess{Endpoints: c.options.EtcdServers, Outside: true}
	for to, file := range map[*string]string{&access.CA: c.options.EtcdCAFile, &access.Cert: c.options.EtcdCertFile, &access.Key: c.options.EtcdKeyFile} {
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
		Endpoints: access.Endpoints, TLS: access.tls(), Prefix: c.options.keys(), Logger: log.FromContext(ctx).WithName("etcd"),
	})
	if err != nil {
		return access, fmt.Errorf("%w; does it run there, and do --etcd-cafile, --etcd-certfile and --etcd-keyfile belong to it?", err)
	}
	c.etcd = client
	return access, nil
}

func (c *controlPlane) embedEtcd(ctx context.Context) (EtcdAccess, error) {
	o, logger := c.options, log.FromContext(ctx).WithName("etcd")
	socket := EtcdEndpoint(o.DataDir)
	access := EtcdAccess{Endpoints: []string{socket}}
	config := etcd.Config{
		Dir: filepath.Join(o.DataDir, "etcd"), Logger: logger, ClientURLs: []string{socket}, Quota: o.EtcdQuotaBackendBytes,
		CompactionMode: o.EtcdAutoCompactionMode, CompactionRetention: o.EtcdAutoCompactionRetention, UnsafeNoFsync: o.EtcdUnsafeNoFsync,
	}
	if urls := o.etcdURLs(); len(urls) > 0 {
		server, client, kept, err := etcdCertificates(o, urls)
		if err != nil {
			return access, fmt.Errorf("preparing the certificates of etcd: %w", err)
		}
		c.etcdKept = kept // etcd reads the files with every handshake
		config.ClientURLs, config.ClientTLS = append(urls, socket), server
		access = EtcdAccess{Endpoints: urls, CA: client.CA, Cert: client.Cert, Key: client.Key}
	}
	member, err := etcd.Embed(ctx, config)
	if err != nil {
		return access, fmt.Errorf("starting etcd in %s: %w", o.DataDir, err)
	}
	c.etcd = member
	return access, nil
}

// etcdURLs are where the embedded member listens, beside its socket. The default port may belong to another etcd of this
// machine: nobody who did not ask for it need know.
func (o *Options) etcdURLs() []string {
	switch urls := o.EtcdListenClientURLs; {
	case len(urls) == 1 && urls[0] == listenNowhere:
		return nil
	case len(urls) > 0:
		return urls
	case o.HTTPSListenPort == 0:
		return nil
	}
	free, err := net.Listen("tcp", strings.TrimPrefix(defaultEtcdListen, "https://"))
	if err != nil {
		return nil
	}
	free.Close()
	return []string{defaultEtcdListen}
}

// etcdCertificates are of an authority of their own: what the cluster's signs, any user who may ask for a certificate can have.
func etcdCertificates(o *Options, urls []string) (server, client *etcd.TLS, kept []*pki.Live, err error) {
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
