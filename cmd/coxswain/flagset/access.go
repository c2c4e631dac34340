package flagset

import (
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/configuration"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// addAuthenticationFlags say who is recognized, by upstream's names.
func addAuthenticationFlags(flags *pflag.FlagSet, o *options.AuthenticationOptions) {
	flags.BoolVar(&o.AnonymousAuth, "anonymous-auth", o.AnonymousAuth, "let requests without credentials in as system:anonymous")
	flags.BoolVar(&o.EnableBootstrapTokenAuth, "enable-bootstrap-token-auth", o.EnableBootstrapTokenAuth, "let nodes introduce themselves by the tokens in Secrets of kube-system, as agents do")
	flags.StringVar(&o.TokenAuthFile, "token-auth-file", o.TokenAuthFile, "file of tokens: token,user,uid,\"group1,group2\"")
	flags.StringVar(&o.AuthenticationConfig, "authentication-config", o.AuthenticationConfig, "AuthenticationConfiguration with issuers of JSON web tokens; changes count at once")
	flags.StringVar(&o.TokenWebhookConfigFile, "authentication-token-webhook-config-file", o.TokenWebhookConfigFile, "kubeconfig of who is asked about tokens")
	flags.StringVar(&o.TokenWebhookVersion, "authentication-token-webhook-version", o.TokenWebhookVersion, "version of TokenReview that it is asked with")
	flags.DurationVar(&o.TokenWebhookCacheTTL.Duration, "authentication-token-webhook-cache-ttl", o.TokenWebhookCacheTTL.Duration, "how long its answers are remembered")
	flags.BoolVar(&o.ServiceAccountExtendTokenExpiration, "service-account-extend-token-expiration", o.ServiceAccountExtendTokenExpiration, "have the tokens of pods live a year")
	flags.StringVar(&o.RequestHeaderClientCAFile, "requestheader-client-ca-file", o.RequestHeaderClientCAFile, "authorities of front proxies, whose headers say who calls")
	flags.StringSliceVar(&o.RequestHeaderAllowedNames, "requestheader-allowed-names", o.RequestHeaderAllowedNames, "common names of front proxies; none means any")
	flags.StringSliceVar(&o.RequestHeaderUsernameHeaders, "requestheader-username-headers", o.RequestHeaderUsernameHeaders, "headers of the user's name: X-Remote-User")
	flags.StringSliceVar(&o.RequestHeaderUIDHeaders, "requestheader-uid-headers", o.RequestHeaderUIDHeaders, "headers of the user's UID: X-Remote-Uid")
	flags.StringSliceVar(&o.RequestHeaderGroupHeaders, "requestheader-group-headers", o.RequestHeaderGroupHeaders, "headers of the user's groups: X-Remote-Group")
	flags.StringSliceVar(&o.RequestHeaderExtraHeaderPrefixes, "requestheader-extra-headers-prefix", o.RequestHeaderExtraHeaderPrefixes, "how headers of the user's extra attributes begin: X-Remote-Extra-")
	addOIDCFlags(flags, &o.OIDC)
}

func addOIDCFlags(flags *pflag.FlagSet, o *configuration.OIDC) {
	flags.StringVar(&o.IssuerURL, "oidc-issuer-url", o.IssuerURL, "issuer of JSON web tokens")
	flags.StringVar(&o.ClientID, "oidc-client-id", o.ClientID, "audience of its tokens")
	flags.StringVar(&o.CAFile, "oidc-ca-file", o.CAFile, "authorities by which the issuer is verified (default the machine's)")
	flags.StringVar(&o.UsernameClaim, "oidc-username-claim", o.UsernameClaim, "claim that names the user (default sub)")
	flags.StringVar(&o.UsernamePrefix, "oidc-username-prefix", o.UsernamePrefix, "what stands before names; - for nothing (default the issuer, but for email)")
	flags.StringVar(&o.GroupsClaim, "oidc-groups-claim", o.GroupsClaim, "claim that names the user's groups")
	flags.StringVar(&o.GroupsPrefix, "oidc-groups-prefix", o.GroupsPrefix, "what stands before groups")
	flags.StringSliceVar(&o.SigningAlgs, "oidc-signing-algs", o.SigningAlgs, "algorithms of signatures (default RS256)")
	flags.StringToStringVar(&o.RequiredClaims, "oidc-required-claim", o.RequiredClaims, "claim=value that tokens must have")
}

// addAuthorizationFlags say who decides what users may do, by upstream's names.
func addAuthorizationFlags(flags *pflag.FlagSet, o *configuration.Authorization) {
	flags.StringSliceVar(&o.Modes, "authorization-mode", o.Modes, "who decides, in order: AlwaysAllow, AlwaysDeny, ABAC, Webhook, RBAC, Node")
	flags.StringVar(&o.Config, "authorization-config", o.Config, "AuthorizationConfiguration in place of the other flags; changes count at once")
	flags.StringVar(&o.PolicyFile, "authorization-policy-file", o.PolicyFile, "file of policies, one JSON object a line, for ABAC")
	flags.StringVar(&o.WebhookConfigFile, "authorization-webhook-config-file", o.WebhookConfigFile, "kubeconfig of who is asked, for Webhook")
	flags.StringVar(&o.WebhookVersion, "authorization-webhook-version", o.WebhookVersion, "version of SubjectAccessReview that it is asked with")
	flags.DurationVar(&o.WebhookCacheAuthorizedTTL.Duration, "authorization-webhook-cache-authorized-ttl", o.WebhookCacheAuthorizedTTL.Duration, "how long its permissions are remembered")
	flags.DurationVar(&o.WebhookCacheUnauthorizedTTL.Duration, "authorization-webhook-cache-unauthorized-ttl", o.WebhookCacheUnauthorizedTTL.Duration, "how long its refusals are remembered")
}
