package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

// Algorithms are the signatures that can be asked for.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512,
}

// Settings are what all issuers have in common.
type Settings struct {
	// Algorithms that signatures may have; none means all that are asymmetric.
	Algorithms []string
	// Disallowed issuers are those of service account tokens.
	Disallowed []string
	// Lasting ends with the server, and with it what issuers are being asked: no request's end does that. Default is that nothing does.
	Lasting context.Context
	Clock   clock.PassiveClock
	Metrics *authmetrics.Metrics
}

// issuer recognizes the tokens of one provider.
type issuer struct {
	config     apiserver.JWTAuthenticator
	programs   authenticationcel.CELMapper
	algorithms []jose.SignatureAlgorithm
	keys       *keys
	sources    sources
	settings   Settings
}

var _ authenticator.Token = &issuer{}

// newIssuer compiles what the configuration says of one provider.
func newIssuer(compiler authenticationcel.Compiler, config apiserver.JWTAuthenticator, s Settings) (*issuer, error) {
	programs, errs := validation.CompileAndValidateJWTAuthenticator(compiler, config, s.Disallowed)
	if err := errs.ToAggregate(); err != nil {
		return nil, err
	}
	i := &issuer{config: config, programs: programs, settings: s}
	for _, name := range s.Algorithms {
		if !slices.Contains(algorithms, jose.SignatureAlgorithm(name)) {
			return nil, fmt.Errorf("oidc: unsupported signing alg: %q", name)
		}
		i.algorithms = append(i.algorithms, jose.SignatureAlgorithm(name))
	}
	if len(i.algorithms) == 0 {
		i.algorithms = algorithms
	}
	client, err := newClient(config.Issuer.CertificateAuthority)
	if err != nil {
		return nil, err
	}
	i.keys, i.sources = newKeys(config.Issuer, client, s), sources{client: client, settings: s}
	return i, nil
}

func newClient(authority string) (*http.Client, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if authority != "" {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM([]byte(authority)) {
			return nil, errors.New("oidc: the issuer's certificate authority has no certificate in PEM")
		}
	}
	// An issuer is asked once an hour: no connection is worth keeping.
	return &http.Client{Timeout: 30 * time.Second, CheckRedirect: redirected, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: settings, DisableKeepAlives: true,
	}}, nil
}

// maxRedirects is how often an answer may be elsewhere.
const maxRedirects = 10

// redirected lets nobody send us, and the token for a source with us, to where answers could come from anybody.
func redirected(r *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("redirected %d times", len(via))
	}
	return secure(r.URL.String())
}

// AuthenticateToken implements authenticator.Token, for tokens whose issuer this is.
func (i *issuer) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	start := i.settings.Clock.Now()
	response, err := i.authenticate(ctx, token)
	i.settings.Metrics.JWT(i.config.Issuer.URL, err == nil, i.settings.Clock.Since(start))
	return response, err == nil, err
}

func (i *issuer) authenticate(ctx context.Context, token string) (*authenticator.Response, error) {
	c, err := i.check(ctx, token, i.config.Issuer.URL, i.keys)
	if err != nil {
		return nil, fmt.Errorf("oidc: verify token: %w", err)
	}
	if err := i.distribute(ctx, c); err != nil {
		return nil, fmt.Errorf("oidc: could not expand distributed claims: %w", err)
	}
	if err := i.required(c); err != nil {
		return nil, err
	}
	u, err := i.user(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := i.validateClaims(ctx, c); err != nil {
		return nil, err
	}
	if err := i.validateUser(ctx, u); err != nil {
		return nil, err
	}
	return &authenticator.Response{User: u}, nil
}

// check returns the claims of a token that is an issuer's, signed with one of its keys, that is for us and that is valid now.
func (i *issuer) check(ctx context.Context, token, issuer string, keys *keys) (claims, error) {
	signed, err := jose.ParseSignedCompact(token, i.algorithms)
	if err != nil {
		return nil, fmt.Errorf("oidc: malformed jwt: %w", err)
	}
	payload, err := keys.verify(ctx, signed)
	if err != nil {
		return nil, err
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, fmt.Errorf("oidc: failed to unmarshal claims: %w", err)
	}
	if c["iss"] != issuer {
		return nil, fmt.Errorf("oidc: id token issued by a different provider, expected %q got %q", issuer, c["iss"])
	}
	given := c.audiences()
	if !slices.ContainsFunc(given, func(one string) bool { return slices.Contains(i.config.Issuer.Audiences, one) }) {
		if want := i.config.Issuer.Audiences; len(want) == 1 {
			return nil, fmt.Errorf("oidc: expected audience %q got %q", want[0], given)
		}
		return nil, fmt.Errorf("oidc: expected audience in %q got %q", i.config.Issuer.Audiences, given)
	}
	return c, i.inTime(c)
}

// leeway for clocks of issuers that are ahead of ours.
const leeway = time.Minute

func (i *issuer) inTime(c claims) error {
	now := i.settings.Clock.Now()
	expiry, ok := c["exp"].(float64)
	if !ok {
		return errors.New("oidc: the token does not say when it expires")
	}
	if now.After(unix(expiry)) {
		return fmt.Errorf("oidc: token is expired (Token Expiry: %v)", unix(expiry))
	}
	if from, ok := c["nbf"].(float64); ok && now.Add(leeway).Before(unix(from)) {
		return fmt.Errorf("oidc: current time %v before the nbf (not before) time: %v", now, unix(from))
	}
	return nil
}

func unix(seconds float64) time.Time { return time.Unix(int64(seconds), 0) }
