package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coxswain-k8s/coxswain/cluster/state"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/local"
)

// etcdctlCommand is etcdctl, with the endpoints and certificates of this machine's server unless others are named.
func etcdctlCommand() *cobra.Command {
	return &cobra.Command{
		Use: "etcdctl", Short: "Look into the cluster's etcd", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			etcdctl, err := local.Program("etcdctl", args)
			if err != nil {
				return err
			}
			access, err := state.ReadAccess(local.DataDir())
			if err != nil {
				return err
			}
			etcdctl.Env = append(os.Environ(), etcdctlEnvironment(access, args)...)
			return local.Become(etcdctl)
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
