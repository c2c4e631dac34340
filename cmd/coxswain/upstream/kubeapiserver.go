package upstream

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/flagset"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// apiServerShared are the flags of `coxswain server` that kube-apiserver has too, under the same names.
const apiServerShared = "advertise-address bind-address audit-policy-file audit-log-path audit-log-maxage audit-log-maxbackup audit-log-maxsize " +
	"audit-log-compress audit-webhook-config-file enable-admission-plugins disable-admission-plugins admission-control-config-file " +
	"encryption-provider-config encryption-provider-config-automatic-reload etcd-servers etcd-servers-overrides etcd-cafile etcd-certfile etcd-keyfile " +
	"etcd-prefix cert-dir tls-cert-file tls-private-key-file tls-sni-cert-key client-ca-file service-account-issuer service-account-key-file " +
	"service-account-signing-key-file service-account-jwks-uri service-account-max-token-expiration api-audiences kubelet-client-certificate " +
	"kubelet-client-key kubelet-certificate-authority proxy-client-cert-file proxy-client-key-file token-auth-file anonymous-auth " +
	"oidc-ca-file oidc-client-id oidc-groups-claim oidc-groups-prefix oidc-issuer-url oidc-required-claim oidc-signing-algs oidc-username-claim " +
	"oidc-username-prefix authentication-config authentication-token-webhook-cache-ttl authentication-token-webhook-config-file " +
	"authentication-token-webhook-version authorization-config authorization-mode authorization-policy-file authorization-webhook-cache-authorized-ttl " +
	"authorization-webhook-cache-unauthorized-ttl authorization-webhook-config-file authorization-webhook-version requestheader-allowed-names " +
	"requestheader-client-ca-file requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers " +
	"requestheader-username-headers max-requests-inflight max-mutating-requests-inflight request-timeout min-request-timeout event-ttl " +
	"enable-priority-and-fairness goaway-chance shutdown-delay-duration service-node-port-range feature-gates runtime-config cors-allowed-origins " +
	"default-not-ready-toleration-seconds default-unreachable-toleration-seconds enable-bootstrap-token-auth profiling " +
	"service-account-extend-token-expiration tls-min-version tls-cipher-suites"

// apiServerMoved are flags of kube-apiserver that have other names here.
func apiServerMoved() map[string]string {
	return map[string]string{"secure-port": "https-listen-port", "service-cluster-ip-range": "service-cidr"}
}

// apiServerUpstream are the flags of kube-apiserver that `coxswain server` does not have.
func apiServerUpstream() upstreamFlags {
	const identity = "requests would be let in, or kept out, that should not be"
	refused := map[string]string{
		"tls-curve-preferences":                "connections would be made by other curves, too",
		"egress-selector-config-file":          "connections would leave on another way than asked for",
		"service-account-signing-endpoint":     "tokens are signed by the key in --service-account-signing-key-file",
		"etcd-servers-overrides":               "all resources are in one etcd",
		"tls-sni-cert-key":                     "one certificate is served, that of --tls-cert-file",
		"cors-allowed-origins":                 "browsers would be kept out",
		"service-node-port-range":              "node ports are 30000-32767",
		"default-not-ready-toleration-seconds": "it is always 300", "default-unreachable-toleration-seconds": "it is always 300",
	}
	for name := range strings.FieldsSeq(apiServerShared) {
		for _, prefix := range []string{"oidc-", "authentication-", "authorization-", "requestheader-", "token-auth-"} {
			if strings.HasPrefix(name, prefix) {
				refused[name] = identity
			}
		}
	}
	return upstreamFlags{
		refused: refused, only: map[string]string{"anonymous-auth": "true", "storage-backend": "etcd3", "allow-privileged": "true", "disable-http2-serving": "false"},
		checked: map[string]func(string) error{"runtime-config": nothingOff},
		bools: "emulation-forward-compatible runtime-config-emulation-forward-compatible shutdown-send-retry-after enable-garbage-collector " +
			"encryption-provider-config-automatic-reload watch-cache permit-address-sharing permit-port-sharing audit-log-batch-throttle-enable " +
			"audit-log-truncate-enabled audit-webhook-batch-throttle-enable audit-webhook-truncate-enabled contention-profiling enable-priority-and-fairness " +
			"service-account-lookup aggregator-reject-forwarding-redirect enable-aggregator-routing enable-logs-handler log-json-split-stream log-text-split-stream",
		values: "emulated-version external-hostname feature-gates goaway-chance livez-grace-period max-mutating-requests-inflight max-requests-inflight " +
			"min-compatibility-version min-request-timeout request-timeout shutdown-delay-duration shutdown-watch-termination-grace-period " +
			"storage-initialization-timeout strict-transport-security-directives delete-collection-workers etcd-compaction-interval " +
			"etcd-count-metric-poll-period etcd-db-metric-poll-interval etcd-healthcheck-timeout etcd-readycheck-timeout lease-reuse-duration-seconds " +
			"storage-media-type watch-cache-sizes http2-max-streams-per-connection " +
			"audit-log-batch-buffer-size audit-log-batch-max-size audit-log-batch-max-wait audit-log-batch-throttle-burst audit-log-batch-throttle-qps " +
			"audit-log-format audit-log-mode audit-log-truncate-max-batch-size audit-log-truncate-max-event-size audit-log-version " +
			"audit-webhook-batch-buffer-size audit-webhook-batch-max-size audit-webhook-batch-max-wait audit-webhook-batch-throttle-burst " +
			"audit-webhook-batch-throttle-qps audit-webhook-initial-backoff audit-webhook-mode audit-webhook-truncate-max-batch-size " +
			"audit-webhook-truncate-max-event-size audit-webhook-version debug-socket-path allow-metric-labels allow-metric-labels-manifest " +
			"disabled-metrics show-hidden-metrics-for-version log-flush-frequency log-json-info-buffer-size log-text-info-buffer-size logging-format v vmodule " +
			"tracing-config-file coordinated-leadership-lease-duration coordinated-leadership-renew-deadline coordinated-leadership-retry-period " +
			"endpoint-reconciler-type event-ttl kubelet-preferred-address-types kubelet-timeout kubernetes-service-node-port max-connection-bytes-per-sec " +
			"peer-advertise-ip peer-advertise-port peer-ca-file",
	}
}

// nothingOff says why a --runtime-config cannot be: all that there is here is served.
func nothingOff(value string) error {
	for part := range strings.SplitSeq(value, ",") {
		name, given, said := strings.Cut(strings.TrimSpace(part), "=")
		if on, err := strconv.ParseBool(given); said && (err != nil || !on) {
			return fmt.Errorf("not supported: %s would be served all the same; no version or resource can be switched off", name)
		}
	}
	return nil
}

// apiServerOptions are those of an API server alone, which is what kube-apiserver is.
func apiServerOptions() cluster.Options {
	o := cluster.Default()
	o.Disable = []string{cluster.Agent, cluster.Controllers, cluster.Scheduler, cluster.DNS, cluster.LocalStorage, cluster.CloudControllers}
	o.EnableBootstrapTokenAuth = false
	o.CertDir, o.ServiceCIDR = "/var/run/kubernetes", "10.0.0.0/24"
	return o
}

// apiServerCommand is kube-apiserver. What it keeps beside its etcd is below --cert-dir.
func apiServerCommand(s process.Streams) *cobra.Command {
	options := apiServerOptions()
	var controllers []string
	var modes []string
	command := &cobra.Command{Use: "kube-apiserver", Short: "Be kube-apiserver, with its flags", Args: cobra.NoArgs}
	flags := command.Flags()
	server := pflag.NewFlagSet("server", pflag.ContinueOnError)
	flagset.AddServer(server, &options)
	for name := range strings.FieldsSeq(apiServerShared) {
		if flag := server.Lookup(name); flag != nil {
			flags.AddFlag(flag)
		}
	}
	moved(flags, server, apiServerMoved())
	flags.StringSliceVar(&controllers, "controllers", nil,
		"Coxswain's own: controllers to run in this process, by the names in docs/controllers.md; * is all, -name is not that one")
	flags.AddFlag(server.Lookup("simulate-nodes"))
	if flags.Lookup("authorization-mode") == nil {
		flags.StringSliceVar(&modes, "authorization-mode", []string{"Node", "RBAC"}, "Node and RBAC, which are always on")
	}
	given := apiServerUpstream().add(flags)
	command.RunE = func(command *cobra.Command, _ []string) error {
		for _, mode := range modes {
			if mode != "Node" && mode != "RBAC" {
				return fmt.Errorf("--authorization-mode=%s: not supported; Node and RBAC are", mode)
			}
		}
		if err := completeAPIServer(&options, controllers); err != nil {
			return err
		}
		warnOf(s.Err, command.Name(), *given)
		options.Flags = flagset.Values(command.Flags())
		return process.Serve(command.Context(), s, options)
	}
	return versioned(command, s)
}

// completeAPIServer turns what kube-apiserver is told into what a server is told.
func completeAPIServer(o *cluster.Options, run []string) error {
	o.DataDir = filepath.Join(o.CertDir, "coxswain")
	o.ServiceCIDR, _, _ = strings.Cut(o.ServiceCIDR, ",")
	network, err := netip.ParsePrefix(o.ServiceCIDR)
	if err != nil {
		return fmt.Errorf("--service-cluster-ip-range=%s: not a network such as 10.0.0.0/24", o.ServiceCIDR)
	}
	address := network.Masked().Addr()
	for range 10 {
		address = address.Next()
	}
	o.ServiceCIDR, o.ClusterDNS = network.Masked().String(), address.String()
	enabled := map[string]bool{cluster.Controllers: len(run) > 0 || o.SimulatedNodes > 0, cluster.Scheduler: o.SimulatedNodes > 0}
	o.Disable = slices.DeleteFunc(o.Disable, func(part string) bool { return enabled[part] })
	return o.SelectControllers(run)
}
