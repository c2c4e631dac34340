package options

import (
	"errors"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/configuration"
)

// AuthenticationOptions say who is recognized beside the cluster's own parts, by upstream's names.
type AuthenticationOptions struct {
	// AnonymousAuth lets requests without credentials in as system:anonymous; default true.
	AnonymousAuth bool `json:"anonymous-auth"`
	// EnableBootstrapTokenAuth lets nodes introduce themselves by the tokens in Secrets of kube-system; default true, for agents join by one.
	EnableBootstrapTokenAuth bool `json:"enable-bootstrap-token-auth"`
	// TokenAuthFile has lines of tokens: token,user,uid,"group1,group2".
	TokenAuthFile string `json:"token-auth-file,omitempty"`
	// AuthenticationConfig is an AuthenticationConfiguration; a change of it counts without a restart.
	AuthenticationConfig string `json:"authentication-config,omitempty"`
	// TokenWebhookConfigFile is a kubeconfig of who is asked about tokens that nobody else knows, in TokenReviews of
	// TokenWebhookVersion (default v1beta1). Answers are remembered for TokenWebhookCacheTTL (default 2m).
	TokenWebhookConfigFile string          `json:"authentication-token-webhook-config-file,omitempty"`
	TokenWebhookVersion    string          `json:"authentication-token-webhook-version,omitempty"`
	TokenWebhookCacheTTL   metav1.Duration `json:"authentication-token-webhook-cache-ttl,omitempty"`

	configuration.OIDC
	RequestHeaderOptions
	// ServiceAccountExtendTokenExpiration has the tokens of pods live a year, for clients that never read them again; default true.
	ServiceAccountExtendTokenExpiration bool `json:"service-account-extend-token-expiration"`
}

// RequestHeaderOptions say which front proxies are believed, and how they name users. Without an authority, none is. A
// change of the authorities counts without a restart.
type RequestHeaderOptions struct {
	RequestHeaderClientCAFile        string   `json:"requestheader-client-ca-file,omitempty"`
	RequestHeaderAllowedNames        []string `json:"requestheader-allowed-names,omitempty"`
	RequestHeaderUsernameHeaders     []string `json:"requestheader-username-headers,omitempty"`
	RequestHeaderUIDHeaders          []string `json:"requestheader-uid-headers,omitempty"`
	RequestHeaderGroupHeaders        []string `json:"requestheader-group-headers,omitempty"`
	RequestHeaderExtraHeaderPrefixes []string `json:"requestheader-extra-headers-prefix,omitempty"`
}

func defaultAuthentication() AuthenticationOptions {
	return AuthenticationOptions{
		AnonymousAuth: true, TokenWebhookVersion: "v1beta1", TokenWebhookCacheTTL: metav1.Duration{Duration: 2 * time.Minute},
		ServiceAccountExtendTokenExpiration: true, EnableBootstrapTokenAuth: true,
	}
}

// Validate returns what is wrong with the flags; files are looked at when they are loaded.
func (o *AuthenticationOptions) Validate() error {
	var wrong []error
	if o.AuthenticationConfig != "" && o.OIDC.Given() {
		wrong = append(wrong, errors.New("authentication-config file and oidc-* flags are mutually exclusive"))
	}
	if o.RequestHeaderClientCAFile == "" && len(o.RequestHeaderAllowedNames)+len(o.RequestHeaderUsernameHeaders)+len(o.RequestHeaderUIDHeaders)+
		len(o.RequestHeaderGroupHeaders)+len(o.RequestHeaderExtraHeaderPrefixes) > 0 {
		wrong = append(wrong, errors.New("--requestheader-* flags need --requestheader-client-ca-file, by which front proxies are known"))
	}
	return errors.Join(wrong...)
}

// Add tells of further front proxies beside those of o.
func (o *RequestHeaderOptions) Add(more *RequestHeaderOptions) {
	if more.RequestHeaderClientCAFile == "" {
		return
	}
	union := func(to *[]string, values []string) {
		for _, value := range values {
			if !slices.Contains(*to, value) {
				*to = append(*to, value)
			}
		}
	}
	union(&o.RequestHeaderAllowedNames, more.RequestHeaderAllowedNames)
	if len(more.RequestHeaderAllowedNames) == 0 {
		o.RequestHeaderAllowedNames = []string{} // any
	}
	union(&o.RequestHeaderUsernameHeaders, more.RequestHeaderUsernameHeaders)
	union(&o.RequestHeaderUIDHeaders, more.RequestHeaderUIDHeaders)
	union(&o.RequestHeaderGroupHeaders, more.RequestHeaderGroupHeaders)
	union(&o.RequestHeaderExtraHeaderPrefixes, more.RequestHeaderExtraHeaderPrefixes)
}
