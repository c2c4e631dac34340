package options

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
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
	// DefaultEtcdListen is where the etcd within the process listens, if nobody else does.
	DefaultEtcdListen = "https://127.0.0.1:2379"
	// ListenNowhere is the value of EtcdListenClientURLs for none.
	ListenNowhere = "none"
)

func (o *EtcdOptions) validate() error {
	var wrong []error
	for flag, urls := range map[string][]string{"etcd-servers": o.EtcdServers, "etcd-listen-client-urls": o.EtcdListenClientURLs} {
		for _, one := range urls {
			if u, err := url.Parse(one); one != ListenNowhere && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
				wrong = append(wrong, fmt.Errorf("--%s=%s: not a URL such as %s", flag, one, DefaultEtcdListen))
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

// KeyPrefix is what all of the cluster's begin with. Who may read those may not read the prefix itself without its slash.
func (o *EtcdOptions) KeyPrefix() string { return strings.TrimRight(o.EtcdPrefix, "/") + "/" }
