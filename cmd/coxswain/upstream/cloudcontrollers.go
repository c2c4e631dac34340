package upstream

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/secured"
	"github.com/coxswain-k8s/coxswain/cluster/standalone"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// cloudManagerUpstream are the flags of cloud-controller-manager that have no effect here.
func cloudManagerUpstream() upstreamFlags {
	return upstreamFlags{
		bools: componentBools, values: componentValues + "cidr-allocator-type controller-start-interval min-resync-period",
		only: componentOnly(), refused: componentRefused(),
	}
}

// cloudManagerCommand is cloud-controller-manager.
func cloudManagerCommand(s process.Streams) *cobra.Command {
	m := standalone.DefaultCloudManager()
	command := &cobra.Command{Use: "cloud-controller-manager", Short: "Be cloud-controller-manager, with its flags", Args: cobra.NoArgs}
	flags := command.Flags()
	addProgramFlags(flags, &m.Program)
	addMigrationFlags(flags, &m.Migration)
	addCloudManagerFlags(flags, &m)
	given := cloudManagerUpstream().add(flags)
	command.RunE = func(command *cobra.Command, _ []string) error { return runBeside(command, s, &m.Program, &m, *given) }
	return versioned(command, s)
}

func addCloudManagerFlags(flags *pflag.FlagSet, m *standalone.CloudManager) {
	flags.BoolVar(&m.UseServiceAccountCredentials, "use-service-account-credentials", false, "have each controller act as a service account of its own in kube-system")
	flags.StringVar(&m.CloudProvider, "cloud-provider", "", "provider of the cloud: local gives load balancers the addresses of the nodes")
	flags.StringVar(&m.CloudConfig, "cloud-config", "", "configuration of the provider")
	flags.BoolVar(&m.AllowUntaggedCloud, "allow-untagged-cloud", false, "go on although the cloud cannot tell what is this cluster's")
	flags.StringSliceVar(&m.Controllers, "controllers", m.Controllers,
		"controllers that run: cloud-node-controller, cloud-node-lifecycle-controller, node-route-controller, service-lb-controller; * is all, -name is not that one")
	flags.StringVar(&m.ClusterName, "cluster-name", m.ClusterName, "what the cloud knows the cluster by")
	flags.StringSliceVar(&m.ClusterCIDRs, "cluster-cidr", nil, "networks of the pods")
	flags.BoolVar(&m.AllocateNodeCIDRs, "allocate-node-cidrs", false, "nodes have shares of --cluster-cidr, which the cloud may route to")
	flags.BoolVar(&m.ConfigureCloudRoutes, "configure-cloud-routes", m.ConfigureCloudRoutes, "have the cloud route to the shares of nodes")
	flags.DurationVar(&m.Clouds.RoutePeriod, "route-reconciliation-period", m.Clouds.RoutePeriod, "how often routes are compared although nothing is known to have changed")
	flags.DurationVar(&m.Clouds.NodeStatusPeriod, "node-status-update-frequency", m.Clouds.NodeStatusPeriod, "how often the cloud is asked for the addresses of nodes")
	flags.DurationVar(&m.Clouds.NodeMonitorPeriod, "node-monitor-period", m.Clouds.NodeMonitorPeriod, "how often the cloud is asked about a node that is not ready")
	flags.IntVar(&m.Clouds.ServiceSyncs, "concurrent-service-syncs", m.Clouds.ServiceSyncs, "Services that are looked at at a time")
	flags.IntVar(&m.Clouds.NodeSyncs, "concurrent-node-syncs", m.Clouds.NodeSyncs, "nodes that are looked at at a time")
}

// addSecuredFlags are those of the port of a component that is a program of its own.
func addSecuredFlags(flags *pflag.FlagSet, o *secured.Settings) {
	flags.StringVar(&o.BindAddress, "bind-address", o.BindAddress, "address that is listened on")
	flags.IntVar(&o.SecurePort, "secure-port", o.SecurePort, "port of /healthz and /metrics; 0 is none")
	flags.StringVar(&o.CertDir, "cert-dir", o.CertDir, "folder in which the serving certificate is, or will be (default in memory)")
	flags.StringVar(&o.TLSCertFile, "tls-cert-file", o.TLSCertFile, "serving certificate (default one that signs itself)")
	flags.StringVar(&o.TLSPrivateKeyFile, "tls-private-key-file", o.TLSPrivateKeyFile, "key of --tls-cert-file")
	flags.StringVar(&o.AuthenticationKubeconfig, "authentication-kubeconfig", o.AuthenticationKubeconfig, "who asks the API server about tokens, and for the authorities of clients (default nobody does)")
	flags.BoolVar(&o.AuthenticationSkipLookup, "authentication-skip-lookup", o.AuthenticationSkipLookup, "leave the authorities of clients to --client-ca-file")
	flags.DurationVar(&o.AuthenticationTokenTTL, "authentication-token-webhook-cache-ttl", o.AuthenticationTokenTTL, "how long answers about tokens are remembered")
	flags.StringVar(&o.ClientCAFile, "client-ca-file", o.ClientCAFile, "authorities of clients")
	flags.StringVar(&o.AuthorizationKubeconfig, "authorization-kubeconfig", o.AuthorizationKubeconfig, "who asks the API server what clients may (default nobody may anything but --authorization-always-allow-paths)")
	flags.StringSliceVar(&o.AlwaysAllowPaths, "authorization-always-allow-paths", o.AlwaysAllowPaths, "paths that are open to all")
	flags.DurationVar(&o.AllowedTTL, "authorization-webhook-cache-authorized-ttl", o.AllowedTTL, "how long it is remembered that somebody may")
	flags.DurationVar(&o.DeniedTTL, "authorization-webhook-cache-unauthorized-ttl", o.DeniedTTL, "how long it is remembered that somebody may not")
	flags.BoolVar(&o.Profiling, "profiling", o.Profiling, "serve /debug/pprof")
}
