package state

import (
	"context"
	"errors"
	"fmt"

	etcdversion "go.etcd.io/etcd/api/v3/version"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// Member is an etcd that runs by itself, in the words of etcd's own flags.
type Member struct {
	// Name within the cluster; default "default".
	Name string
	// DataDir is made when it does not exist; default NAME.etcd.
	DataDir string
	// ListenClientURLs and AdvertiseClientURLs; default http://localhost:2379.
	ListenClientURLs, AdvertiseClientURLs []string
	// ListenPeerURLs and AdvertisePeerURLs; default http://localhost:2380.
	ListenPeerURLs, AdvertisePeerURLs []string
	// InitialCluster is name=URL,… of all members; default this one alone.
	InitialCluster string
	// InitialClusterState is new or existing; default new.
	InitialClusterState string
	// Client and Peer are certificates for https URLs. With a CA, callers must have one that it signed.
	Client, Peer Files
	// TLSMinVersion, TLSMaxVersion and CipherSuites bound what https URLs speak; HostWhitelist is of the names in requests by HTTP.
	TLSMinVersion, TLSMaxVersion string
	CipherSuites, HostWhitelist  []string
	// Quota of bytes in use; default 8 GiB.
	Quota int64
	// CompactionMode and CompactionRetention drop the past; default never.
	CompactionMode, CompactionRetention string
	// Settings are further flags of etcd, by their names.
	Settings map[string]string
	// UnsafeNoFsync does not wait for the disk.
	UnsafeNoFsync bool
}

// Files are in PEM. Verify wants a certificate of everyone who calls, which the CA does by itself.
type Files struct {
	CA, Cert, Key string
	Verify        bool
}

// Switches and Values are the names of the flags that Settings may have.
const Switches, Values = etcd.Switches, etcd.Values

// DefaultMember is etcd without flags.
func DefaultMember() Member {
	clients, peers := []string{"http://localhost:2379"}, []string{"http://localhost:2380"}
	return Member{
		Name: "default", ListenClientURLs: clients, AdvertiseClientURLs: clients, ListenPeerURLs: peers, AdvertisePeerURLs: peers,
		Settings: map[string]string{"enable-grpc-gateway": "true"}, InitialClusterState: "new", CompactionMode: "periodic", CompactionRetention: "0",
	}
}

// Version is that of the etcd within.
func Version() string { return etcdversion.Version }

// Run serves until ctx ends.
func (m Member) Run(ctx context.Context) error {
	if m.DataDir == "" {
		m.DataDir = m.Name + ".etcd"
	}
	if m.InitialClusterState != "new" && m.InitialClusterState != "existing" {
		return fmt.Errorf("--initial-cluster-state=%s: want new or existing", m.InitialClusterState)
	}
	if err := errors.Join(m.Client.validate(""), m.Peer.validate("peer-")); err != nil {
		return err
	}
	member, err := etcd.Embed(ctx, etcd.Config{
		Dir: m.DataDir, Name: m.Name, ClientURLs: m.ListenClientURLs, AdvertiseURLs: m.AdvertiseClientURLs, ClientTLS: m.Client.tls(),
		PeerURLs: m.ListenPeerURLs, AdvertisePeerURLs: m.AdvertisePeerURLs, PeerTLS: m.Peer.tls(),
		InitialCluster: m.InitialCluster, Join: m.InitialClusterState == "existing",
		TLSMinVersion: m.TLSMinVersion, TLSMaxVersion: m.TLSMaxVersion, CipherSuites: m.CipherSuites, HostWhitelist: m.HostWhitelist,
		Quota: m.Quota, CompactionMode: m.CompactionMode, CompactionRetention: m.CompactionRetention, UnsafeNoFsync: m.UnsafeNoFsync,
		Settings: m.Settings,
		Logger:   log.FromContext(ctx).WithName("etcd"),
	})
	if err != nil {
		return err
	}
	log.FromContext(ctx).Info("Serving", "clients", m.ListenClientURLs, "peers", m.ListenPeerURLs)
	select {
	case <-ctx.Done():
		return member.Close()
	case <-member.Done():
		return errors.Join(errors.New("etcd has stopped"), member.Close())
	}
}

func (f Files) validate(prefix string) error {
	if f.Verify && f.CA == "" {
		return fmt.Errorf("--%[1]sclient-cert-auth needs --%[1]strusted-ca-file: without an authority, no certificate could be verified", prefix)
	}
	return nil
}

func (f Files) tls() *etcd.TLS {
	if f.CA == "" && f.Cert == "" && f.Key == "" {
		return nil
	}
	return &etcd.TLS{CA: f.CA, Cert: f.Cert, Key: f.Key}
}
