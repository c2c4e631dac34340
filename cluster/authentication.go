package cluster

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/configuration"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/oidc"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/webhook"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// identities is who is recognized, as it is being put together.
type identities struct {
	accounts *accountTokens
	metrics  *authmetrics.Metrics
	requests auth.Authenticator
	bearers  *auth.BearerTokens
}

// newIdentities wires certificates, headers and tokens to users.
func (c *controlPlane) newIdentities(ctx context.Context, metrics *authmetrics.Metrics) (*identities, error) {
	o := &c.options.AuthenticationOptions
	accounts, err := c.newAccountTokens()
	if err != nil {
		return nil, err
	}
	i := &identities{accounts: accounts, metrics: metrics, bearers: &auth.BearerTokens{}}
	if o.TokenAuthFile != "" {
		static, err := tokens.LoadStatic(ctx, o.TokenAuthFile)
		if err != nil {
			return nil, err
		}
		i.bearers.Tokens = append(i.bearers.Tokens, static)
	}
	i.bearers.Tokens = append(i.bearers.Tokens,
		&tokens.Verifier{Lister: c.view, Clock: clock.RealClock{}, Issuers: accounts.issuers, Audiences: accounts.audiences, Keys: accounts.keys, Metrics: metrics, Uses: c.noteTokens(ctx)})
	if o.EnableBootstrapTokenAuth {
		i.bearers.Tokens = append(i.bearers.Tokens, &tokens.Bootstrap{Lister: c.view, Clock: clock.RealClock{}})
	}
	i.requests.Anonymous = o.AnonymousAuth && !c.options.Authorization.AllowsAll()
	if o.AnonymousAuth != i.requests.Anonymous {
		log.FromContext(ctx).Info("Requests without credentials are refused: where everything is allowed, whoever reaches the port could do anything")
	}
	if err := c.addProviders(ctx, i); err != nil {
		return nil, err
	}
	if o.TokenWebhookConfigFile != "" {
		asks, err := webhook.NewTokens(o.TokenWebhookConfigFile, o.TokenWebhookVersion, accounts.audiences, clock.RealClock{})
		if err != nil {
			return nil, err
		}
		ttl := o.TokenWebhookCacheTTL.Duration
		i.bearers.Tokens = append(i.bearers.Tokens, &auth.Cached{Next: asks, Accepted: ttl, Refused: ttl, Clock: clock.RealClock{}, Metrics: metrics})
	}
	c.addCertificates(i)
	return i, nil
}

// addProviders adds the issuers of an AuthenticationConfiguration or of the flags, and follows the file.
func (c *controlPlane) addProviders(ctx context.Context, i *identities) error {
	o := &c.options.AuthenticationOptions
	if o.AuthenticationConfig == "" && !o.OIDC.Given() {
		return nil
	}
	settings := oidc.Settings{Disallowed: i.accounts.issuers, Lasting: ctx, Clock: clock.RealClock{}, Metrics: i.metrics}
	config, content, err := providers(o, &settings)
	if err != nil {
		return err
	}
	if config.Anonymous != nil && !o.AnonymousAuth {
		return errors.New("anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file")
	}
	i.letIn(config.Anonymous)
	current := &oidc.Current{}
	if err := useProviders(current, config, settings); err != nil {
		return err
	}
	i.bearers.Tokens = append(i.bearers.Tokens, current)
	c.run("look at token issuers", func() error { current.Prepare(ctx); return nil })
	if o.AuthenticationConfig == "" {
		return nil
	}
	file := &configuration.File{
		Path: o.AuthenticationConfig, Content: content, Clock: clock.RealClock{}, Metrics: i.metrics.AuthenticationConfiguration(),
		Apply: func(ctx context.Context, data []byte) error {
			fresh, err := configuration.ParseAuthentication(o.AuthenticationConfig, data)
			if err != nil {
				return err
			}
			if !equality.Semantic.DeepEqual(config.Anonymous, fresh.Anonymous) {
				return errors.New("anonymous: Forbidden: changed from initial configuration file")
			}
			if err := useProviders(current, fresh, settings); err != nil {
				return err
			}
			current.Prepare(ctx)
			return nil
		},
	}
	file.Metrics.Use(content)
	c.run("authentication configuration", func() error { return file.Follow(ctx) })
	return nil
}

// letIn says what callers without credentials may reach, where the file has a word on it.
func (i *identities) letIn(anonymous *apiserver.AnonymousAuthConfig) {
	if anonymous == nil {
		return
	}
	i.requests.Anonymous = anonymous.Enabled
	for _, condition := range anonymous.Conditions {
		i.requests.AnonymousPaths = append(i.requests.AnonymousPaths, condition.Path)
	}
}

// providers reads the file, or the flags.
func providers(o *options.AuthenticationOptions, settings *oidc.Settings) (*apiserver.AuthenticationConfiguration, []byte, error) {
	if o.AuthenticationConfig != "" {
		return configuration.LoadAuthentication(o.AuthenticationConfig)
	}
	settings.Algorithms = o.SigningAlgs
	if len(settings.Algorithms) == 0 {
		settings.Algorithms = []string{"RS256"}
	}
	config, err := o.OIDC.Configuration()
	return config, nil, err
}

func useProviders(current *oidc.Current, config *apiserver.AuthenticationConfiguration, settings oidc.Settings) error {
	if err := configuration.ValidateAuthentication(config, settings.Disallowed); err != nil {
		return err
	}
	issuers, err := oidc.NewIssuers(config.JWT, settings)
	if err != nil {
		return err
	}
	current.Use(issuers)
	return nil
}

// addCertificates adds front proxies and client certificates, which are asked before tokens.
func (c *controlPlane) addCertificates(i *identities) {
	o := &c.options.AuthenticationOptions
	if o.RequestHeaderClientCAFile != "" {
		i.requests.Requests = append(i.requests.Requests, &auth.RequestHeader{
			Roots: c.certificates.Proxies.Pool, Clock: clock.RealClock{}, AllowedNames: o.RequestHeaderAllowedNames,
			UserHeaders: o.RequestHeaderUsernameHeaders, UIDHeaders: o.RequestHeaderUIDHeaders,
			GroupHeaders: o.RequestHeaderGroupHeaders, ExtraPrefixes: o.RequestHeaderExtraHeaderPrefixes,
		})
	}
	i.requests.Requests = append(i.requests.Requests, &auth.ClientCertificates{Roots: c.certificates.Clients.Pool, Clock: clock.RealClock{}}, i.bearers)
}

// authenticator recognizes users and counts them.
func (i *identities) authenticator() authenticator.Request {
	return i.metrics.Authenticator(&i.requests, clock.RealClock{})
}
