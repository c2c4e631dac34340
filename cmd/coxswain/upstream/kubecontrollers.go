package upstream

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/standalone"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/flagset"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// componentUpstream are the flags without an effect that all of upstream's components have.
const (
	componentBools  = "contention-profiling disable-http2-serving log-json-split-stream log-text-split-stream permit-address-sharing permit-port-sharing"
	componentValues = "allow-metric-labels allow-metric-labels-manifest disabled-metrics emulated-version feature-gates http2-max-streams-per-connection kube-api-content-type " +
		"leader-elect-resource-lock log-flush-frequency log-json-info-buffer-size log-text-info-buffer-size logging-format min-compatibility-version " +
		"requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers requestheader-username-headers " +
		"show-hidden-metrics-for-version v vmodule "
)

// componentOnly and componentRefused are those of them that cannot be otherwise.
func componentOnly() map[string]string {
	return map[string]string{"authentication-tolerate-lookup-failure": "true"}
}

func componentRefused() map[string]string {
	return map[string]string{
		"tls-sni-cert-key": "one certificate is served, that of --tls-cert-file", "tls-cipher-suites": "Go's are served", "tls-min-version": "it is VersionTLS12",
		"tls-curve-preferences": "Go's are served", "write-config-to": "there is no configuration to be written",
	}
}

// controllerManagerUpstream are the flags of kube-controller-manager that have no effect here. How often all is looked at again, though nothing is
// known to have changed, is each controller's own affair.
func controllerManagerUpstream() upstreamFlags {
	only := componentOnly()
	only["cloud-provider"], only["enable-dynamic-provisioning"] = "external", "true"
	only["enable-hostpath-provisioner"], only["disable-force-detach-on-timeout"], only["configure-cloud-routes"] = "false", "false", "true"
	return upstreamFlags{
		bools: componentBools + " disable-attach-detach-reconcile-sync",
		values: componentValues + "cidr-allocator-type cloud-config cluster-name controller-shutdown-timeout controller-start-interval " +
			"external-cloud-volume-plugin min-resync-period node-monitor-period route-reconciliation-period concurrent-service-syncs " +
			"attach-detach-reconcile-sync-period cluster-signing-legacy-unknown-cert-file cluster-signing-legacy-unknown-key-file " +
			"endpoint-updates-batch-period endpointslice-updates-batch-period mirroring-endpointslice-updates-batch-period " +
			"namespace-sync-period flex-volume-plugin-dir resource-quota-sync-period concurrent-validating-admission-policy-status-syncs",
		only: only, refused: componentRefused(),
	}
}

// controllerManagerCommand is kube-controller-manager.
func controllerManagerCommand(s process.Streams) *cobra.Command {
	m := standalone.DefaultControllerManager()
	command := &cobra.Command{Use: "kube-controller-manager", Short: "Be kube-controller-manager, with its flags", Args: cobra.NoArgs}
	flags := command.Flags()
	addProgramFlags(flags, &m.Program)
	addMigrationFlags(flags, &m.Migration)
	addControllerManagerFlags(flags, &m)
	addSigningFlags(flags, &m)
	addTuningFlags(flags, &m)
	given := controllerManagerUpstream().add(flags)
	command.RunE = func(command *cobra.Command, _ []string) error { return runBeside(command, s, &m.Program, &m, *given) }
	return versioned(command, s)
}

// besideServer is a program that works on an API server.
type besideServer interface {
	Validate() error
	Reachable() bool
	Run(ctx context.Context) error
}

// runBeside runs a program until its context ends, and names the flags that it was given without an effect.
func runBeside(command *cobra.Command, s process.Streams, common *standalone.Program, program besideServer, given []string) error {
	common.Flags = flagset.Values(command.Flags())
	if err := program.Validate(); err != nil {
		return err
	}
	if !program.Reachable() {
		return errors.New("--kubeconfig or --master is needed outside of a pod")
	}
	warnOf(s.Err, command.Name(), given)
	return program.Run(process.WithLogger(command.Context(), s.Err))
}

// addProgramFlags are those of all components that are programs of their own.
func addProgramFlags(flags *pflag.FlagSet, p *standalone.Program) {
	flags.StringVar(&p.Kubeconfig, "kubeconfig", "", "kubeconfig of the API server (default that of the pod that this is in)")
	flags.StringVar(&p.Master, "master", "", "address of the API server, in place of the kubeconfig's")
	flags.Float32Var(&p.QPS, "kube-api-qps", p.QPS, "requests a second, at most")
	flags.IntVar(&p.Burst, "kube-api-burst", p.Burst, "requests at once, at most")
	flags.StringVar(&p.LeaseName, "leader-elect-resource-name", p.LeaseName, "name of the Lease")
	flags.StringVar(&p.LeaseNamespace, "leader-elect-resource-namespace", p.LeaseNamespace, "namespace of the Lease")
	addSecuredFlags(flags, &p.Settings)
	flagset.AddLeader(flags, &p.Options)
	flags.Lookup("leader-elect").Usage = "have one of several of these programs do its work"
}

// addMigrationFlags are those of the programs that controllers may move between.
func addMigrationFlags(flags *pflag.FlagSet, m *standalone.Migration) {
	flags.BoolVar(&m.EnableLeaderMigration, "enable-leader-migration", false, "take part in moving controllers between kube- and cloud-controller-manager")
	flags.StringVar(&m.LeaderMigrationConfig, "leader-migration-config", "", "LeaderMigrationConfiguration (default route, service and cloud-node-lifecycle run where the lease of the migration is held)")
}

func addControllerManagerFlags(flags *pflag.FlagSet, m *standalone.ControllerManager) {
	flags.BoolVar(&m.UseServiceAccountCredentials, "use-service-account-credentials", false, "have each controller act as a service account of its own in kube-system")
	flags.StringSliceVar(&m.Controllers, "controllers", m.Controllers, "controllers that run; * is all but bootstrap-signer-controller, token-cleaner-controller, "+
		"local-path-provisioner, kubelet-serving-approver and ip-address-repair, name is that one, -name is not that one")
	flags.StringSliceVar(&m.ClusterCIDRs, "cluster-cidr", nil, "networks of the pods, one of each family at most")
	flags.BoolVar(&m.AllocateNodeCIDRs, "allocate-node-cidrs", false, "give nodes shares of --cluster-cidr")
	flags.IntVar(&m.NodeCIDRMaskSize, "node-cidr-mask-size", 0, "size of a node's share (default 24, with IPv6 64)")
	flags.IntVar(&m.NodeCIDRMaskSizeIPv4, "node-cidr-mask-size-ipv4", 0, "size of a node's share of the IPv4 network (default 24)")
	flags.IntVar(&m.NodeCIDRMaskSizeIPv6, "node-cidr-mask-size-ipv6", 0, "size of a node's share of the IPv6 network (default 64)")
	flags.StringSliceVar(&m.ServiceCIDRs, "service-cluster-ip-range", nil, "networks of the services, which nodes get no shares of")
	flags.StringVar(&m.RootCAFile, "root-ca-file", "", "authority by which pods know the API server (default that in the kubeconfig)")
	flags.StringVar(&m.ServiceAccountPrivateKeyFile, "service-account-private-key-file", "", "key that signs the tokens of service accounts in Secrets")
	flags.DurationVar(&m.NodeMonitorGracePeriod, "node-monitor-grace-period", m.NodeMonitorGracePeriod, "how long a node may be silent")
	flags.IntVar(&m.TerminatedPodGCThreshold, "terminated-pod-gc-threshold", m.TerminatedPodGCThreshold, "how many finished pods are kept")
	flags.DurationVar(&m.LegacyTokenPeriod, "legacy-service-account-token-clean-up-period", m.LegacyTokenPeriod, "how long a token in a Secret may be unused")
	flagset.AddGates(flags, &m.FeatureGates, "StorageVersionMigrator, ComponentStatusz, ComponentFlagz")
	flags.BoolVar(&m.EnableGarbageCollector, "enable-garbage-collector", m.EnableGarbageCollector, "delete what nobody owns any more")
}

func addSigningFlags(flags *pflag.FlagSet, m *standalone.ControllerManager) {
	flags.DurationVar(&m.ClusterSigningDuration, "cluster-signing-duration", m.ClusterSigningDuration, "how long certificates last, at most")
	for name, files := range map[string]*standalone.KeyFiles{
		"cluster-signing": &m.ClusterSigning, "cluster-signing-kubelet-serving": &m.SigningKubeletServing,
		"cluster-signing-kubelet-client": &m.SigningKubeletClient, "cluster-signing-kube-apiserver-client": &m.SigningAPIServerClient,
	} {
		flags.StringVar(&files.Cert, name+"-cert-file", "", "authority that signs certificates")
		flags.StringVar(&files.Key, name+"-key-file", "", "key of --"+name+"-cert-file")
	}
}
