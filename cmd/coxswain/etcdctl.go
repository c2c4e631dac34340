package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/state"
)

// etcdctlCommand is etcdctl, with the endpoints and certificates of this machine's server unless others are named.
func etcdctlCommand() *cobra.Command {
	return &cobra.Command{
		Use: "etcdctl", Short: "Look into the cluster's etcd", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			etcdctl, err := carried("etcdctl", args)
			if err != nil {
				return err
			}
			access, err := state.ReadAccess(dataDir())
			if err != nil {
				return err
			}
			etcdctl.Env = append(os.Environ(), etcdctlEnvironment(access, args)...)
			return become(etcdctl)
		},
	}
}

// etcdctlEnvironment leaves out what the user says already: etcdctl takes a variable beside its flag for a mistake. Endpoints
// without TLS want no certificates.
func etcdctlEnvironment(access state.Access, args []string) (environment []string) {
	endpoints, _ := saidToEtcdctl("endpoints", args)
	plain := strings.HasPrefix(endpoints, "unix:") || strings.HasPrefix(endpoints, "http:")
	for name, value := range access.Environment() {
		flag := strings.ToLower(strings.TrimPrefix(name, "ETCDCTL_"))
		if _, said := saidToEtcdctl(flag, args); !said && !plain {
			environment = append(environment, name+"="+value)
		}
	}
	slices.Sort(environment)
	return environment
}

// saidToEtcdctl is the value of a flag or of its variable.
func saidToEtcdctl(flag string, args []string) (value string, said bool) {
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if arg == "--"+flag && i+1 < len(args) {
			return args[i+1], true
		}
		if value, ok := strings.CutPrefix(arg, "--"+flag+"="); ok {
			return value, true
		}
	}
	return os.LookupEnv("ETCDCTL_" + strings.ToUpper(flag))
}

func addEtcdFlags(flags *pflag.FlagSet, o *options.EtcdOptions) {
	flags.StringSliceVar(&o.EtcdServers, "etcd-servers", o.EtcdServers, "URLs of an etcd elsewhere (default the one within the process)")
	flags.StringVar(&o.EtcdCAFile, "etcd-cafile", o.EtcdCAFile, "authority of --etcd-servers")
	flags.StringVar(&o.EtcdCertFile, "etcd-certfile", o.EtcdCertFile, "certificate of the client of --etcd-servers")
	flags.StringVar(&o.EtcdKeyFile, "etcd-keyfile", o.EtcdKeyFile, "key of the client of --etcd-servers")
	flags.StringVar(&o.EtcdPrefix, "etcd-prefix", o.EtcdPrefix, "what all keys in etcd begin with")
	flags.StringSliceVar(&o.EtcdListenClientURLs, "etcd-listen-client-urls", o.EtcdListenClientURLs,
		"where the etcd within the process listens, or none (default https://127.0.0.1:2379 if it is free and --https-listen-port is not 0)")
	flags.BoolVar(&o.EtcdUnsafeNoFsync, "etcd-unsafe-no-fsync", o.EtcdUnsafeNoFsync, "do not wait for the disk: a power failure loses data; for tests")
	flags.Int64Var(&o.EtcdQuotaBackendBytes, "etcd-quota-backend-bytes", o.EtcdQuotaBackendBytes, "bytes in use beyond which only deletions are accepted (default 8 GiB)")
	flags.StringVar(&o.EtcdAutoCompactionMode, "etcd-auto-compaction-mode", o.EtcdAutoCompactionMode, "periodic or revision: the etcd within the process drops the past by itself, too")
	flags.StringVar(&o.EtcdAutoCompactionRetention, "etcd-auto-compaction-retention", o.EtcdAutoCompactionRetention, "how much of the past is kept then: 1h, or 1000 revisions")
}
