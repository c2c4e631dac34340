package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/secured"
	"github.com/coxswain-k8s/coxswain/cluster/standalone"
)

// cloudManagerUpstream are the flags of cloud-controller-manager that have no effect here.
func cloudManagerUpstream() upstreamFlags {
	return upstreamFlags{
		bools: "contention-profiling log-json-split-stream log-text-split-stream permit-address-sharing permit-port-sharing",
		values: "allow-metric-labels allow-metric-labels-manifest controller-start-interval disabled-metrics emulated-version feature-gates http2-max-streams-per-connection kube-api-content-type " +
			"leader-elect-resource-lock leader-migration-config log-flush-frequency log-json-info-buffer-size log-text-info-buffer-size logging-format min-resync-period " +
			"min-compatibility-version requestheader-allowed-names requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers requestheader-username-headers " +
			"show-hidden-metrics-for-version v vmodule cidr-allocator-type",
		only:    map[string]string{"enable-leader-migration": "false", "authentication-tolerate-lookup-failure": "true"},
		refused: map[string]string{"tls-sni-cert-key": "one certificate is served, that of --tls-cert-file", "tls-cipher-suites": "Go's are served", "tls-min-version": "it is VersionTLS12"},
	}
}

// cloudManagerCommand is cloud-controller-manager.
func cloudManagerCommand(s streams) *cobra.Command {
	m := standalone.DefaultCloudManager()
	command := &cobra.Command{Use: "cloud-controller-manager", Short: "Be cloud-controller-manager, with its flags", Args: cobra.NoArgs}
	flags := command.Flags()
	addCloudManagerFlags(flags, &m)
	addSecuredFlags(flags, &m.Settings)
	addLeaderFlags(flags, &m.Options)
	flags.Lookup("leader-elect").Usage = "run the controllers in one of several of these programs"
	given := cloudManagerUpstream().add(flags)
	command.RunE = func(command *cobra.Command, _ []string) error {
		if err := m.Validate(); err != nil {
			return err
		}
		if !m.Reachable() {
			return errors.New("--kubeconfig or --master is needed outside of a pod")
		}
		warnOf(s.err, command.Name(), *given)
		return m.Run(withLogger(command.Context(), s.err))
	}
	return versioned(command, s)
}

func addCloudManagerFlags(flags *pflag.FlagSet, m *standalone.CloudManager) {
	flags.StringVar(&m.Kubeconfig, "kubeconfig", "", "kubeconfig of the API server (default that of the pod that this is in)")
	flags.StringVar(&m.Master, "master", "", "address of the API server, in place of the kubeconfig's")
	flags.Float32Var(&m.QPS, "kube-api-qps", m.QPS, "requests a second, at most")
	flags.IntVar(&m.Burst, "kube-api-burst", m.Burst, "requests at once, at most")
	flags.StringVar(&m.LeaseName, "leader-elect-resource-name", m.LeaseName, "name of the Lease")
	flags.StringVar(&m.LeaseNamespace, "leader-elect-resource-namespace", m.LeaseNamespace, "namespace of the Lease")
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
