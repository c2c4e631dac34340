package flagset

import (
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// Values are flags with their values. What is not to be known by who may look at the server is left out.
func Values(flags *pflag.FlagSet) func() map[string]string {
	return func() map[string]string {
		values := map[string]string{}
		flags.VisitAll(func(flag *pflag.Flag) { values[flag.Name] = flag.Value.String() })
		if values["token"] != "" {
			values["token"] = "CLASSIFIED"
		}
		return values
	}
}

func addServingFlags(flags *pflag.FlagSet, o *options.ServingOptions) {
	flags.StringVar(&o.CertDir, "cert-dir", o.CertDir, "folder in which the serving certificate is, or will be, as apiserver.crt and apiserver.key")
	flags.StringVar(&o.TLSCertFile, "tls-cert-file", o.TLSCertFile, "serving certificate (default one of the cluster's authority)")
	flags.StringVar(&o.TLSPrivateKeyFile, "tls-private-key-file", o.TLSPrivateKeyFile, "key of --tls-cert-file")
	flags.StringVar(&o.TLSMinVersion, "tls-min-version", o.TLSMinVersion, "oldest TLS that is spoken: VersionTLS12 (the default, also in place of older ones) or VersionTLS13")
	flags.StringSliceVar(&o.TLSCipherSuites, "tls-cipher-suites", o.TLSCipherSuites, "cipher suites of TLS 1.2, by Go's names (default Go's)")
	flags.BoolVar(&o.Profiling, "profiling", o.Profiling, "serve /debug/pprof")
	flags.StringVar(&o.ClientCAFile, "client-ca-file", o.ClientCAFile, "authorities of clients, beside the cluster's")
	flags.StringArrayVar(&o.ServiceAccountIssuers, "service-account-issuer", o.ServiceAccountIssuers,
		"who issues the tokens of service accounts; the first does, all are believed (default https://kubernetes.default.svc.DOMAIN)")
	flags.StringArrayVar(&o.ServiceAccountKeyFiles, "service-account-key-file", o.ServiceAccountKeyFiles, "keys by which the tokens of service accounts are verified")
	flags.StringVar(&o.ServiceAccountSigningKeyFile, "service-account-signing-key-file", o.ServiceAccountSigningKeyFile, "key that signs the tokens of service accounts")
	flags.StringVar(&o.ServiceAccountJWKSURI, "service-account-jwks-uri", o.ServiceAccountJWKSURI, "where others find the keys that verify tokens")
	flags.DurationVar(&o.ServiceAccountMaxTokenExpiration.Duration, "service-account-max-token-expiration", o.ServiceAccountMaxTokenExpiration.Duration,
		"how long tokens of service accounts may last, at most")
	flags.StringSliceVar(&o.APIAudiences, "api-audiences", o.APIAudiences, "whom tokens for the API server are for (default the issuers)")
	flags.StringVar(&o.KubeletClientCertificate, "kubelet-client-certificate", o.KubeletClientCertificate, "certificate by which kubelets are called")
	flags.StringVar(&o.KubeletClientKey, "kubelet-client-key", o.KubeletClientKey, "key of --kubelet-client-certificate")
	flags.StringVar(&o.KubeletCertificateAuthority, "kubelet-certificate-authority", o.KubeletCertificateAuthority, "authority of kubelets")
	flags.StringVar(&o.ProxyClientCertFile, "proxy-client-cert-file", o.ProxyClientCertFile, "certificate by which the servers of APIServices are called")
	flags.StringVar(&o.ProxyClientKeyFile, "proxy-client-key-file", o.ProxyClientKeyFile, "key of --proxy-client-cert-file")
}
