package options

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cloudprovider "k8s.io/cloud-provider"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/configuration"
	"github.com/coxswain-k8s/coxswain/cluster/election"
	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/network/fabric"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins"
)

// Options say what cluster to start. The JSON names are those of the command line and of its --config file.
type Options struct {
	NodeOptions
	Shared
	// HTTPSListenPort of the API server; 0 picks a free one. Default 6443.
	HTTPSListenPort int `json:"https-listen-port"`
	// BindAddress of the API server; default all addresses.
	BindAddress string `json:"bind-address,omitempty"`
	// AdvertiseAddress at which the node's pods and other nodes reach the API server; default NodeIP.
	AdvertiseAddress string `json:"advertise-address,omitempty"`
	// TLSSANs are further names and addresses for the serving certificate.
	TLSSANs []string `json:"tls-san,omitempty"`
	// Token with which agents join, abcdef.0123456789abcdef; default a random one, kept in DataDir/token.
	Token string `json:"token,omitempty"`
	// WriteKubeconfig is a second place for the administrator's kubeconfig.
	WriteKubeconfig string `json:"write-kubeconfig,omitempty"`
	// SigningDuration is how long the certificates of nodes last; default a year.
	SigningDuration metav1.Duration `json:"cluster-signing-duration,omitempty"`
	// NodeMonitorGracePeriod is how long a node may be silent before it is Unknown; default 50 s.
	NodeMonitorGracePeriod metav1.Duration `json:"node-monitor-grace-period,omitempty"`
	// EncryptionProviderConfig says how values are encrypted in etcd; without it they are not.
	EncryptionProviderConfig string `json:"encryption-provider-config,omitempty"`
	// FeatureGates switch features, true or false for each: CBORGate, MigrationGate, StatusGate and FlagsGate. Upstream's others have no effect.
	FeatureGates map[string]string `json:"feature-gates,omitempty"`
	// Flags are those of the command line with their values, which /flagz tells, secrets left out; nil where there is none.
	Flags func() map[string]string `json:"-"`
	// EncryptionProviderConfigAutomaticReload takes over what that file says when it changes; default no.
	EncryptionProviderConfigAutomaticReload bool `json:"encryption-provider-config-automatic-reload,omitempty"`
	// SchedulerConfig is a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1) with profiles of the scheduler.
	SchedulerConfig string `json:"scheduler-config,omitempty"`
	// SchedulerPlugins are compiled in beside those that come with the scheduler; SchedulerConfig enables them.
	SchedulerPlugins plugins.Registry `json:"-"`
	// EnableAdmissionPlugins and DisableAdmissionPlugins name plugins beside, or instead of, those that are on by default.
	EnableAdmissionPlugins  []string `json:"enable-admission-plugins,omitempty"`
	DisableAdmissionPlugins []string `json:"disable-admission-plugins,omitempty"`
	// AdmissionControlConfigFile is an AdmissionConfiguration, which configures plugins; none by default.
	AdmissionControlConfigFile string `json:"admission-control-config-file,omitempty"`

	AuditOptions
	CloudOptions
	RequestOptions
	EtcdOptions
	LeaderOptions
	ServingOptions
	TestOptions
	AuthenticationOptions
	configuration.Authorization
}

// Default returns the options of `coxswain server` without flags.
func Default() Options {
	return Options{
		NodeOptions: defaultNode(),
		Shared: Shared{
			ClusterCIDR: "10.42.0.0/16", ServiceCIDR: "10.43.0.0/16", ClusterDNS: "10.43.0.10", ClusterDomain: "cluster.local", PodNetwork: string(fabric.Auto),
		},
		RequestOptions:  defaultRequests(),
		HTTPSListenPort: 6443, BindAddress: "0.0.0.0",
		SigningDuration: metav1.Duration{Duration: 365 * 24 * time.Hour}, NodeMonitorGracePeriod: metav1.Duration{Duration: 50 * time.Second},
		ServingOptions:        ServingOptions{Profiling: true},
		EtcdOptions:           EtcdOptions{EtcdPrefix: defaultEtcdPrefix},
		LeaderOptions:         election.DefaultOptions(),
		AuthenticationOptions: defaultAuthentication(), Authorization: configuration.DefaultAuthorization(),
	}
}

// Complete fills in what depends on the machine.
func (o *Options) Complete() error {
	if err := o.NodeOptions.Complete(); err != nil {
		return err
	}
	if o.EtcdPrefix == "" {
		o.EtcdPrefix = defaultEtcdPrefix
	}
	if o.AdvertiseAddress == "" {
		o.AdvertiseAddress = o.NodeIP
	}
	return nil
}

// Validate returns everything that is wrong with completed options.
func (o *Options) Validate() error {
	wrong := []error{o.NodeOptions.validate(disableable), o.RequestOptions.validate(), o.Shared.Validate(), o.AuthenticationOptions.Validate(), o.Authorization.Validate(), o.EtcdOptions.validate(), o.ServingOptions.validate(), o.TestOptions.validate(), ValidateGates(o.FeatureGates)}
	for flag, value := range map[string]string{"advertise-address": o.AdvertiseAddress, "bind-address": o.BindAddress} {
		if _, err := netip.ParseAddr(value); err != nil {
			wrong = append(wrong, fmt.Errorf("--%s=%s: not an IP address", flag, value))
		}
	}
	if o.HTTPSListenPort < 0 || o.HTTPSListenPort > 65535 {
		wrong = append(wrong, fmt.Errorf("--https-listen-port=%d: not a port", o.HTTPSListenPort))
	}
	if o.Token != "" {
		if _, err := join.ParseToken(o.Token); err != nil {
			wrong = append(wrong, fmt.Errorf("--token: %w", err))
		}
	}
	if o.Elects() {
		wrong = append(wrong, o.Terms().Validate())
	}
	if o.SigningDuration.Duration <= 0 {
		wrong = append(wrong, fmt.Errorf("--cluster-signing-duration=%s: not a duration such as 8760h", o.SigningDuration.Duration))
	}
	return errors.Join(wrong...)
}

// ServiceIP returns the n-th address of the service network; the first is the API server's.
func (o *Options) ServiceIP(n int) string {
	ip := netip.MustParsePrefix(o.ServiceCIDR).Addr()
	for range n {
		ip = ip.Next()
	}
	return ip.String()
}

// LeaderOptions say how several servers on one etcd agree on whose controllers and scheduler run.
type LeaderOptions = election.Options

// Elects says whether there may be other servers of this cluster: on an etcd elsewhere, or on ours if others were meant to reach it.
func (o *Options) Elects() bool {
	reached := slices.ContainsFunc(o.EtcdListenClientURLs, func(one string) bool {
		to, err := url.Parse(one)
		return one != ListenNowhere && (err != nil || !net.ParseIP(to.Hostname()).IsLoopback())
	})
	return o.LeaderElect && (len(o.EtcdServers) > 0 || reached)
}

// CloudOptions say what the cluster runs on.
type CloudOptions struct {
	// Cloud is the provider of load balancers, of what is known of nodes, and of routes. Whoever compiles one in initializes it. Default: the
	// nodes' own addresses are those of load balancers.
	Cloud cloudprovider.Interface `json:"-"`
}

// ExternalCloud is the NodeOptions.CloudProvider whose controllers run elsewhere.
const ExternalCloud = "external"

// CloudsHere says whether the controllers of clouds run in this process. A provider that was compiled in is here.
func (o *Options) CloudsHere() bool {
	return o.Enabled(CloudControllers) && (o.CloudProvider != ExternalCloud || o.Cloud != nil)
}
