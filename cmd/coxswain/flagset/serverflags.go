package flagset

import (
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// AddServer adds what can be said of a server.
func AddServer(flags *pflag.FlagSet, o *cluster.Options) {
	addServerFlags(flags, o)
	addAuditFlags(flags, &o.AuditOptions)
	addRequestFlags(flags, &o.RequestOptions)
	addEtcdFlags(flags, &o.EtcdOptions)
	AddLeader(flags, &o.LeaderOptions)
	addAuthenticationFlags(flags, &o.AuthenticationOptions)
	addAuthorizationFlags(flags, &o.Authorization)
	addServingFlags(flags, &o.ServingOptions)
	addTestFlags(flags, &o.TestOptions)
}

func addServerFlags(flags *pflag.FlagSet, o *cluster.Options) {
	AddNode(flags, &o.NodeOptions)
	flags.StringSliceVar(&o.Disable, "disable", o.Disable, "parts to leave out: agent, cloud-controller-manager, controllers, dns, local-storage, network, proxy, scheduler")
	flags.IntVar(&o.HTTPSListenPort, "https-listen-port", o.HTTPSListenPort, "port of the API server; 0 picks a free one")
	flags.StringVar(&o.BindAddress, "bind-address", o.BindAddress, "address that the API server listens on")
	flags.StringVar(&o.AdvertiseAddress, "advertise-address", o.AdvertiseAddress, "address by which pods and nodes reach the API server (default the node's)")
	flags.StringVar(&o.ClusterCIDR, "cluster-cidr", o.ClusterCIDR, "network of the pods")
	flags.StringVar(&o.ServiceCIDR, "service-cidr", o.ServiceCIDR, "network of the services")
	flags.StringVar(&o.ClusterDNS, "cluster-dns", o.ClusterDNS, "service address of the cluster's DNS")
	flags.StringVar(&o.ClusterDomain, "cluster-domain", o.ClusterDomain, "domain of the cluster")
	flags.StringSliceVar(&o.TLSSANs, "tls-san", o.TLSSANs, "further names and addresses for the serving certificate")
	flags.StringVar(&o.Token, "token", o.Token, "token with which agents join, abcdef.0123456789abcdef (default a random one, kept in DIR/token of the data folder)")
	flags.DurationVar(&o.SigningDuration.Duration, "cluster-signing-duration", o.SigningDuration.Duration, "how long certificates of nodes last, at most")
	flags.DurationVar(&o.NodeMonitorGracePeriod.Duration, "node-monitor-grace-period", o.NodeMonitorGracePeriod.Duration, "how long a node may be silent before its pods are evicted")
	flags.StringVar(&o.WriteKubeconfig, "write-kubeconfig", o.WriteKubeconfig, "a second place for the administrator's kubeconfig")
	flags.StringVar(&o.PodNetwork, "network", o.PodNetwork, "how pods of different nodes reach each other: host-gw, vxlan, or auto (the default) for what each pair of nodes allows")
	flags.StringVar(&o.EncryptionProviderConfig, "encryption-provider-config", o.EncryptionProviderConfig, "file that says how values are encrypted in etcd")
	AddGates(flags, &o.FeatureGates, "CBORServingAndStorage, StorageVersionMigrator, ComponentStatusz, ComponentFlagz")
	flags.BoolVar(&o.EncryptionProviderConfigAutomaticReload, "encryption-provider-config-automatic-reload", o.EncryptionProviderConfigAutomaticReload, "take over what that file says when it changes")
	flags.StringVar(&o.SchedulerConfig, "scheduler-config", o.SchedulerConfig, "KubeSchedulerConfiguration with the profiles of the scheduler and the arguments of its plugins")
	flags.StringSliceVar(&o.EnableAdmissionPlugins, "enable-admission-plugins", o.EnableAdmissionPlugins, "admission plugins that are on beside those that are by default")
	flags.StringVar(&o.AdmissionControlConfigFile, "admission-control-config-file", o.AdmissionControlConfigFile, "AdmissionConfiguration, which configures admission plugins")
	flags.StringSliceVar(&o.DisableAdmissionPlugins, "disable-admission-plugins", o.DisableAdmissionPlugins, "admission plugins that are off although they are on by default")
}

// AddNode are those that servers and agents have in common.
func AddNode(flags *pflag.FlagSet, o *options.NodeOptions) {
	flags.StringVar(&o.DataDir, "data-dir", o.DataDir, "folder for everything that is kept")
	flags.StringVar(&o.NodeIP, "node-ip", o.NodeIP, "address of this machine (default that of the interface with the default route)")
	flags.StringSliceVar(&o.Images, "images", o.Images, "image archives, or folders of them, to import once, beside images/ in the data folder")
	flags.StringVar(&o.Registries, "registries", o.Registries, "file with mirrors, credentials and certificates for pulling images")
	flags.StringVar(&o.NodeName, "node-name", o.NodeName, "name of this node (default the host name)")
	flags.StringVar(&o.ProxyMode, "proxy-mode", o.ProxyMode, "nftables or iptables (default the first that the kernel has)")
	flags.StringVar(&o.ContainerRuntimeEndpoint, "container-runtime-endpoint", o.ContainerRuntimeEndpoint, "CRI socket of a runtime that runs already (default a containerd of our own)")
	flags.IntVar(&o.KubeletPort, "kubelet-port", o.KubeletPort, "port of the kubelet; 0 picks a free one")
	flags.StringVar(&o.CgroupRoot, "cgroup-root", o.CgroupRoot, "control group that the node's pods are below")
	flags.StringVar(&o.KubeletDir, "kubelet-dir", o.KubeletDir, "folder for pods and volumes")
	flags.StringVar(&o.CloudProvider, "cloud-provider", o.CloudProvider, "external: a cloud-controller-manager elsewhere knows the machine, and lets pods onto it when it does")
	flags.StringVar(&o.KubeletConfig, "kubelet-config", o.KubeletConfig, "KubeletConfiguration with further settings of the kubelet")
}

func addAuditFlags(flags *pflag.FlagSet, o *options.AuditOptions) {
	flags.StringVar(&o.AuditPolicyFile, "audit-policy-file", o.AuditPolicyFile, "policy that says which requests are recorded, and how much of them")
	flags.StringVar(&o.AuditLogPath, "audit-log-path", o.AuditLogPath, "file that requests are recorded in; - is standard output")
	flags.IntVar(&o.AuditLogMaxAge, "audit-log-maxage", o.AuditLogMaxAge, "days that rotated audit logs are kept")
	flags.IntVar(&o.AuditLogMaxBackup, "audit-log-maxbackup", o.AuditLogMaxBackup, "number of rotated audit logs that are kept")
	flags.IntVar(&o.AuditLogMaxSize, "audit-log-maxsize", o.AuditLogMaxSize, "size in MiB at which the audit log is rotated")
	flags.BoolVar(&o.AuditLogCompress, "audit-log-compress", o.AuditLogCompress, "compress rotated audit logs by gzip")
	flags.StringVar(&o.AuditWebhookConfigFile, "audit-webhook-config-file", o.AuditWebhookConfigFile, "kubeconfig of the receiver that is posted what is recorded")
}

func AddLeader(flags *pflag.FlagSet, o *options.LeaderOptions) {
	flags.BoolVar(&o.LeaderElect, "leader-elect", o.LeaderElect, "run the controllers and the scheduler on one of the servers that share --etcd-servers; a server with an etcd of its own is alone")
	flags.DurationVar(&o.LeaderElectLeaseDuration.Duration, "leader-elect-lease-duration", o.LeaderElectLeaseDuration.Duration, "how long others wait for a leader that is not heard of")
	flags.DurationVar(&o.LeaderElectRenewDeadline.Duration, "leader-elect-renew-deadline", o.LeaderElectRenewDeadline.Duration, "how long a leader that cannot renew its lease goes on")
	flags.DurationVar(&o.LeaderElectRetryPeriod.Duration, "leader-elect-retry-period", o.LeaderElectRetryPeriod.Duration, "how often a leader renews its lease, and others look for it")
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

func addTestFlags(flags *pflag.FlagSet, o *options.TestOptions) {
	flags.IntVar(&o.SimulatedNodes, "simulate-nodes", o.SimulatedNodes, "nodes that need no machine: pods are scheduled to them and become ready, and no container runs")
}
