package upstream

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/state"
	"github.com/coxswain-k8s/coxswain/cluster/version"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// etcdUpstream are the flags of etcd that have no effect here, or cannot have one: logs are those of this program.
func etcdUpstream() upstreamFlags {
	refused := map[string]string{"force-new-cluster": "restore a snapshot with `coxswain etcd-snapshot restore` instead"}
	for name := range strings.FieldsSeq("discovery discovery-token discovery-endpoints discovery-srv discovery-srv-name discovery-proxy discovery-fallback") {
		refused[name] = "name the members with --initial-cluster"
	}
	return upstreamFlags{
		refused: refused, only: map[string]string{"cors": "*"},
		bools:  "enable-log-rotation",
		values: "v2-deprecation logger log-outputs log-level log-format log-rotation-config-json",
	}
}

// etcdCommand is etcd: a member that listens, and nothing else.
func etcdCommand(s process.Streams) *cobra.Command {
	member := state.DefaultMember()
	command := &cobra.Command{Use: "etcd", Short: "Be etcd, with its flags", Args: cobra.NoArgs}
	addMemberFlags(command.Flags(), &member)
	show := command.Flags().Bool("version", false, "print the version and exit")
	addSettings(command.Flags(), member.Settings)
	given := etcdUpstream().add(command.Flags())
	command.RunE = func(command *cobra.Command, _ []string) error {
		if *show {
			fmt.Fprintln(s.Out, "etcd Version:", state.Version(), "of Coxswain", version.Version)
			return nil
		}
		if err := fromEnvironment(command.Flags(), "ETCD_", os.LookupEnv); err != nil {
			return err
		}
		warnOf(s.Err, command.Name(), *given)
		return member.Run(process.WithLogger(command.Context(), s.Err))
	}
	return command
}

func addMemberFlags(flags *pflag.FlagSet, m *state.Member) {
	flags.StringVar(&m.Name, "name", m.Name, "name of this member")
	flags.StringVar(&m.DataDir, "data-dir", m.DataDir, "folder of the data (default NAME.etcd)")
	flags.StringSliceVar(&m.ListenClientURLs, "listen-client-urls", m.ListenClientURLs, "where clients are listened to")
	flags.StringSliceVar(&m.AdvertiseClientURLs, "advertise-client-urls", m.AdvertiseClientURLs, "where clients are told that the member is")
	flags.StringSliceVar(&m.ListenPeerURLs, "listen-peer-urls", m.ListenPeerURLs, "where the other members are listened to")
	flags.StringSliceVar(&m.AdvertisePeerURLs, "initial-advertise-peer-urls", m.AdvertisePeerURLs, "where the other members are told that this one is")
	flags.StringVar(&m.InitialCluster, "initial-cluster", m.InitialCluster, "name=URL,… of all members (default this one)")
	flags.StringVar(&m.InitialClusterState, "initial-cluster-state", m.InitialClusterState, "new, or existing to join a cluster")
	flags.StringVar(&m.Client.Cert, "cert-file", "", "certificate for clients")
	flags.StringVar(&m.Client.Key, "key-file", "", "key of the certificate for clients")
	flags.StringVar(&m.Client.CA, "trusted-ca-file", "", "authority of the clients, who then must have a certificate")
	flags.StringVar(&m.Peer.Cert, "peer-cert-file", "", "certificate for other members")
	flags.StringVar(&m.Peer.Key, "peer-key-file", "", "key of the certificate for other members")
	flags.StringVar(&m.Peer.CA, "peer-trusted-ca-file", "", "authority of the other members, who then must have a certificate")
	flags.BoolVar(&m.Client.Verify, "client-cert-auth", false, "have clients show a certificate, which --trusted-ca-file does by itself")
	flags.BoolVar(&m.Peer.Verify, "peer-client-cert-auth", false, "have other members show a certificate, which --peer-trusted-ca-file does by itself")
	flags.StringVar(&m.TLSMinVersion, "tls-min-version", "", "oldest TLS that is spoken, TLS1.2 or TLS1.3 (default TLS1.2)")
	flags.StringVar(&m.TLSMaxVersion, "tls-max-version", "", "newest TLS that is spoken (default the newest)")
	flags.StringSliceVar(&m.CipherSuites, "cipher-suites", nil, "cipher suites of TLS 1.2 (default Go's)")
	flags.StringSliceVar(&m.HostWhitelist, "host-whitelist", nil, "names by which requests without TLS may call the member (default any)")
	flags.Int64Var(&m.Quota, "quota-backend-bytes", m.Quota, "bytes in use beyond which only deletions are accepted (default 8 GiB)")
	flags.StringVar(&m.CompactionMode, "auto-compaction-mode", m.CompactionMode, "periodic or revision")
	flags.StringVar(&m.CompactionRetention, "auto-compaction-retention", m.CompactionRetention, "how long, or how many revisions of, the past is kept; 0 keeps it all")
	flags.BoolVar(&m.UnsafeNoFsync, "unsafe-no-fsync", m.UnsafeNoFsync, "do not wait for the disk: a power failure loses data")
}

// setting is a flag that is handed on as it is given.
type setting struct {
	name, kind string
	into       map[string]string
}

func addSettings(flags *pflag.FlagSet, into map[string]string) {
	for name := range strings.FieldsSeq(state.Values) {
		flags.Var(&setting{name, "string", into}, name, "as of etcd")
	}
	for name := range strings.FieldsSeq(state.Switches) {
		flags.Var(&setting{name, "bool", into}, name, "as of etcd")
		flags.Lookup(name).NoOptDefVal = "true"
	}
}

// String implements pflag.Value.
func (s *setting) String() string { return s.into[s.name] }

// Type implements pflag.Value.
func (s *setting) Type() string { return s.kind }

// Set implements pflag.Value.
func (s *setting) Set(value string) error {
	s.into[s.name] = value
	return nil
}

// fromEnvironment sets the flags that were not given and that have a variable: ETCD_DATA_DIR is --data-dir.
func fromEnvironment(flags *pflag.FlagSet, prefix string, lookup func(string) (string, bool)) error {
	var err error
	flags.VisitAll(func(flag *pflag.Flag) {
		name := prefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if value, ok := lookup(name); ok && value != "" && !flag.Changed && err == nil {
			if err = flags.Set(flag.Name, value); err != nil {
				err = fmt.Errorf("setting --%s by %s: %w", flag.Name, name, err)
			}
		}
	})
	return err
}
