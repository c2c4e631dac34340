package etcd

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
)

// Names of settings that are switches, and of those with a value.
const (
	Switches = "initial-election-tick-advance socket-reuse-port socket-reuse-address strict-reconfig-check pre-vote enable-pprof " +
		"enable-distributed-tracing enable-grpc-gateway peer-skip-client-san-verification auto-tls peer-auto-tls memory-mlock"
	Values = "snapshot-count snapshot-catchup-entries heartbeat-interval election-timeout max-snapshots max-wals wal-dir backend-bbolt-freelist-type " +
		"backend-batch-interval backend-batch-limit max-txn-ops max-request-bytes max-concurrent-streams grpc-keepalive-min-time grpc-keepalive-interval " +
		"grpc-keepalive-timeout raft-read-timeout raft-write-timeout feature-gates initial-cluster-token client-cert-file client-key-file client-crl-file " +
		"client-cert-allowed-hostname peer-client-cert-file peer-client-key-file peer-crl-file peer-cert-allowed-cn peer-cert-allowed-hostname " +
		"self-signed-cert-validity listen-metrics-urls listen-client-http-urls auth-token bcrypt-cost auth-token-ttl metrics warning-unary-request-duration " +
		"distributed-tracing-address distributed-tracing-service-name distributed-tracing-instance-id distributed-tracing-sampling-rate " +
		"corrupt-check-time compact-hash-check-time compaction-batch-limit compaction-sleep-interval watch-progress-notify-interval " +
		"warning-apply-duration downgrade-check-time bootstrap-defrag-threshold-megabytes max-learners"
)

// settle takes further settings, by the names of etcd's flags, into its configuration. What has a field in Config is set after it.
// Most are plain fields; the lists among them have to be read from their flags.
func settle(e *embed.Config, settings map[string]string) error {
	if len(settings) == 0 {
		return nil
	}
	known := flag.NewFlagSet("etcd", flag.ContinueOnError)
	known.SetOutput(io.Discard)
	e.AddFlags(known)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if err := known.Set(name, settings[name]); err != nil {
			return fmt.Errorf("configuring etcd: --%s=%s: %w", name, settings[name], err)
		}
		e.FlagsExplicitlySet[name] = true
	}
	e.ClientTLSInfo.AllowedHostnames = words(settings["client-cert-allowed-hostname"])
	e.PeerTLSInfo.AllowedHostnames = words(settings["peer-cert-allowed-hostname"])
	e.PeerTLSInfo.AllowedCNs = words(settings["peer-cert-allowed-cn"])
	if streams, given := settings["max-concurrent-streams"]; given {
		n, err := strconv.ParseUint(streams, 10, 32)
		if err != nil {
			return fmt.Errorf("configuring etcd: --max-concurrent-streams: %w", err)
		}
		e.MaxConcurrentStreams = uint32(n)
	}
	for name, into := range map[string]*[]url.URL{"listen-metrics-urls": &e.ListenMetricsUrls, "listen-client-http-urls": &e.ListenClientHttpUrls} {
		parsed, err := parse(words(settings[name]))
		if err != nil {
			return err
		}
		*into = parsed
	}
	return nil
}

func words(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(word string) bool { return word == "" })
}

const (
	// segment is how many bytes of the log are laid out ahead, twice, when a member starts: etcd's own.
	segment = 64 * 1000 * 1000
	// testSegment is that where the disk is not waited for. A temporary folder is often in memory, and to lay the other out there takes
	// three times as long as all the rest of a start.
	testSegment = 2 << 20
)

// members of this process share etcd's size of a segment.
var members struct {
	mu      sync.Mutex
	running int
}

// enter sets the size of segments when the first member of the process starts: later it is read at any time. The next ones take what they find.
func (c Config) enter() (leave func()) {
	members.mu.Lock()
	defer members.mu.Unlock()
	if members.running == 0 {
		wal.SegmentSizeBytes = segment
		if c.UnsafeNoFsync {
			wal.SegmentSizeBytes = testSegment
		}
	}
	members.running++
	return sync.OnceFunc(func() {
		members.mu.Lock()
		defer members.mu.Unlock()
		members.running--
	})
}
