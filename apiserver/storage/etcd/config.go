package etcd

import (
	"crypto/rand"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/commits"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcdlog"
	"github.com/go-logr/logr"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// Config of an embedded member. Only Dir is needed.
type Config struct {
	// Dir is the data folder; it is made with mode 0700.
	Dir string
	// Name of the member within its cluster; default "coxswain".
	Name string
	// ClientURLs to listen on for others (etcdctl, other API servers): https://…, http://… or unix://path.
	// Default none: the member is reached by calls only.
	ClientURLs []string
	// Socket is a path where clients reach the member by gRPC alone, without TLS; what serves them is made when the first calls. Default none.
	Socket string
	// ClientTLS is needed for https client URLs. Clients must present a certificate of its CA.
	ClientTLS *TLS
	// TLSMinVersion and TLSMaxVersion, for clients and peers, are TLS1.2 or TLS1.3; default TLS1.2 and the newest. CipherSuites are those
	// of TLS 1.2, by Go's names; default Go's.
	TLSMinVersion, TLSMaxVersion string
	CipherSuites                 []string
	// HostWhitelist has the names by which HTTP requests without TLS may call the member; default any.
	HostWhitelist []string
	// AdvertiseURLs tell clients where the member is; default those of ClientURLs that others can use: all but sockets.
	AdvertiseURLs []string
	// PeerURLs to listen on and to be known by among members. Default none: a cluster of one.
	PeerURLs []string
	PeerTLS  *TLS
	// AdvertisePeerURLs tell the other members where this one is; default PeerURLs.
	AdvertisePeerURLs []string
	// InitialCluster is "name=peerURL,…" of all members when the cluster is made of several; default this one.
	InitialCluster string
	// Join an existing cluster instead of making one.
	Join bool
	// Quota of bytes in use, beyond which only deletions are accepted; default 8 GiB.
	Quota int64
	// CompactionMode and CompactionRetention have the member itself drop the past: "periodic" and for how long it is kept
	// ("1h"), or "revision" and how many revisions ("1000"). Default never: whoever writes decides.
	CompactionMode, CompactionRetention string
	// MaxRequest is the largest transaction in bytes; default 8 MiB.
	MaxRequest uint
	// Settings are further ones, by the names of etcd's own flags ("snapshot-count"). They count where no field here says otherwise.
	// Some are etcd's for the whole process: give them where it has one member.
	Settings map[string]string
	// Logger gets warnings at V(1) and errors; etcd's chatter at V(4).
	Logger logr.Logger
	// UnsafeNoFsync does not wait for the disk. A power failure then loses data: for tests.
	UnsafeNoFsync bool
}

// TLS names files in PEM.
type TLS struct {
	CA, Cert, Key string
}

const (
	defaultName    = "coxswain"
	defaultQuota   = 8 << 30
	defaultRequest = 8 << 20
	// defragmentBeyond is how many MiB the database must be larger than its content to be written anew at the start. Less is not
	// worth the wait: it will be used again.
	defragmentBeyond = 256
	// catchUp is how many entries of its log a member that is alone keeps in memory, for members that join it later: by default they are
	// 5,000, which are megabytes, and who has missed more gets the whole database.
	catchUp = 1000
	// unheard is how many milliseconds pass between the heartbeats of a member that nobody can join: there is nobody to hear them, and ten
	// times a second is a fifth of what wakes an idle server. It is also what the shortest lease depends on, which is 3.5 s.
	unheard = 500
	// nobody is the peer URL of a member without peers: etcd wants one, and nobody ever dials it.
	nobody = "http://127.0.0.1:2380"
)

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.Quota == 0 {
		c.Quota = defaultQuota
	}
	if c.MaxRequest == 0 {
		c.MaxRequest = defaultRequest
	}
	return c
}

// embed translates to etcd's own configuration.
func (c Config) embed() (*embed.Config, error) {
	if c.Dir == "" {
		return nil, fmt.Errorf("configuring etcd: no data folder")
	}
	e := embed.NewConfig()
	e.EnableGRPCGateway = false
	e.MaxRequestBytes = c.MaxRequest
	e.MaxTxnOps = 4096
	if err := settle(e, c.Settings); err != nil {
		return nil, err
	}
	c.tune(e)
	e.Dir = filepath.Clean(c.Dir)
	e.Name = c.Name
	e.ZapLoggerBuilder = embed.NewZapLoggerBuilder(etcdlog.Quiet(c.Logger))
	e.AutoCompactionMode, e.AutoCompactionRetention = embed.CompactorModePeriodic, "0"
	if c.CompactionMode != "" {
		e.AutoCompactionMode, e.AutoCompactionRetention = c.CompactionMode, c.CompactionRetention
	}
	e.QuotaBackendBytes = -1 // the member checks its own, before anything is written
	e.UnsafeNoFsync = c.UnsafeNoFsync
	c.restrict(e)

	if err := c.listen(e); err != nil {
		return nil, err
	}
	if c.alone() && c.Settings["initial-cluster-token"] == "" { // every cluster of one gets an identity of its own
		e.InitialClusterToken = fmt.Sprintf("%s %s", e.Dir, rand.Text())
	}
	e.InitialCluster = c.InitialCluster
	if e.InitialCluster == "" {
		e.InitialCluster = e.InitialClusterFromName(c.Name)
	}
	if c.Join {
		e.ClusterState = embed.ClusterStateFlagExisting
	}
	return e, nil
}

// tune chooses what etcd's flags of the same names have not.
func (c Config) tune(e *embed.Config) {
	if !e.FlagsExplicitlySet["bootstrap-defrag-threshold-megabytes"] {
		e.BootstrapDefragThresholdMegabytes = defragmentBeyond
	}
	if c.alone() && !e.FlagsExplicitlySet["snapshot-catchup-entries"] {
		e.SnapshotCatchUpEntries = catchUp
	}
	if c.lonely() && !e.FlagsExplicitlySet["heartbeat-interval"] && !e.FlagsExplicitlySet["election-timeout"] {
		e.TickMs, e.ElectionMs = unheard, 5*unheard
	}
	if c.lonely() && !e.FlagsExplicitlySet["backend-batch-interval"] {
		e.BackendBatchInterval = commits.LookEvery
	}
	if !c.Logger.V(1).Enabled() && !e.FlagsExplicitlySet["warning-apply-duration"] {
		e.WarningApplyDuration = math.MaxInt64 // the whole request is made into a text for a warning of which nobody is told
	}
}

// listen says where the member is reached, by clients and by other members.
func (c Config) listen(e *embed.Config) (err error) {
	if e.ListenClientUrls, err = parse(c.ClientURLs); err != nil {
		return err
	}
	if e.AdvertiseClientUrls, err = parse(c.advertised()); err != nil {
		return err
	}
	c.ClientTLS.into(&e.ClientTLSInfo)
	if e.ListenPeerUrls, err = parse(c.PeerURLs); err != nil {
		return err
	}
	c.PeerTLS.into(&e.PeerTLSInfo)
	e.AdvertisePeerUrls = e.ListenPeerUrls
	switch {
	case len(c.PeerURLs) == 0:
		e.AdvertisePeerUrls, err = parse([]string{nobody})
	case len(c.AdvertisePeerURLs) > 0:
		e.AdvertisePeerUrls, err = parse(c.AdvertisePeerURLs)
	}
	return err
}

// restrict tells etcd with whom, and how, it may speak. What it does not know it refuses at the start.
func (c Config) restrict(e *embed.Config) {
	if c.TLSMinVersion != "" {
		e.TlsMinVersion = c.TLSMinVersion
	}
	e.TlsMaxVersion, e.CipherSuites = c.TLSMaxVersion, c.CipherSuites
	if len(c.HostWhitelist) > 0 {
		e.HostWhitelist = map[string]struct{}{}
		for _, host := range c.HostWhitelist {
			e.HostWhitelist[host] = struct{}{}
		}
	}
}

// advertised are the URLs that the members tell clients.
func (c Config) advertised() []string {
	if len(c.AdvertiseURLs) > 0 {
		return c.AdvertiseURLs
	}
	isSocket := func(u string) bool { return strings.HasPrefix(u, "unix:") }
	if others := slices.DeleteFunc(slices.Clone(c.ClientURLs), isSocket); len(others) > 0 {
		return others
	}
	return c.ClientURLs
}

// alone tells whether the configuration makes a cluster of one.
func (c Config) alone() bool {
	return !c.Join && !strings.Contains(c.InitialCluster, ",")
}

// lonely tells whether nobody can join that cluster either.
func (c Config) lonely() bool { return c.alone() && len(c.PeerURLs) == 0 }

func (t *TLS) into(info *transport.TLSInfo) {
	if t != nil {
		info.TrustedCAFile, info.CertFile, info.KeyFile, info.ClientCertAuth = t.CA, t.Cert, t.Key, t.CA != ""
	}
}

func parse(urls []string) ([]url.URL, error) {
	out := make([]url.URL, 0, len(urls))
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil {
			return nil, fmt.Errorf("configuring etcd: %w", err)
		}
		out = append(out, *u)
	}
	return out, nil
}
