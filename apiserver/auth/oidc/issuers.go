package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// remembered is how long a token that was accepted is accepted again without a look at it.
const remembered = 10 * time.Second

// Issuers recognize the tokens of the providers of one configuration.
type Issuers struct {
	issuers map[string]*issuer
	cached  *auth.Cached
}

var _ authenticator.Token = &Issuers{}

// NewIssuers compiles the configuration of providers. An error says everything that is wrong with it.
func NewIssuers(configs []apiserver.JWTAuthenticator, s Settings) (*Issuers, error) {
	all := &Issuers{issuers: map[string]*issuer{}}
	var compiler authenticationcel.Compiler
	for _, config := range configs {
		if compiler == nil {
			compiler = authenticationcel.NewDefaultCompiler()
		}
		made, err := newIssuer(compiler, config, s)
		if err != nil {
			return nil, err
		}
		all.issuers[config.Issuer.URL] = made
	}
	all.cached = &auth.Cached{Next: authenticator.TokenFunc(all.authenticate), Accepted: remembered, Clock: s.Clock, Metrics: s.Metrics}
	return all, nil
}

// AuthenticateToken implements authenticator.Token. A token of another issuer is left to others.
func (all *Issuers) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	if all.issuers[issuerOf(token)] == nil {
		return nil, false, nil
	}
	return all.cached.AuthenticateToken(ctx, token)
}

func (all *Issuers) authenticate(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	return all.issuers[issuerOf(token)].AuthenticateToken(ctx, token)
}

// Ready returns when the keys of all issuers are known, and which are not when ctx ends.
func (all *Issuers) Ready(ctx context.Context) error {
	errs := make([]error, 0, len(all.issuers))
	var mu sync.Mutex
	var asking sync.WaitGroup
	for name, one := range all.issuers {
		asking.Go(func() {
			if err := one.keys.ready(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("looking at issuer %s: %w", name, err))
			}
		})
	}
	asking.Wait()
	return errors.Join(errs...)
}

// issuerOf reads the issuer without believing it, to see whose token this is.
func issuerOf(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, ok := strings.Cut(rest, ".")
	if !ok {
		return ""
	}
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(decoded, &c) != nil {
		return ""
	}
	return c.Issuer
}

// Current are the issuers of the configuration of now.
type Current struct {
	issuers atomic.Pointer[Issuers]
}

// Use replaces the issuers. What was remembered of the last ones is forgotten, but for the keys of those that are still asked
// in the same way: an issuer that cannot be reached just now goes on being believed. One caller at a time, before others know issuers.
func (c *Current) Use(issuers *Issuers) {
	old := c.issuers.Load()
	if old == nil {
		c.issuers.Store(issuers)
		return
	}
	for name, fresh := range issuers.issuers {
		if before := old.issuers[name]; before != nil && sameKeys(before.config.Issuer, fresh.config.Issuer) {
			fresh.keys = before.keys
		}
	}
	c.issuers.Store(issuers)
	for name, gone := range old.issuers {
		if issuers.issuers[name] == nil {
			gone.settings.Metrics.ForgetIssuer(name)
		}
	}
}

// sameKeys says whether two issuers have their keys from the same place, which proves itself in the same way.
func sameKeys(a, b apiserver.Issuer) bool {
	return a.URL == b.URL && a.DiscoveryURL == b.DiscoveryURL && a.CertificateAuthority == b.CertificateAuthority && a.EgressSelectorType == b.EgressSelectorType
}

// Prepare fetches the keys of all issuers. What cannot be fetched is tried again when a token comes.
func (c *Current) Prepare(ctx context.Context) {
	issuers := c.issuers.Load()
	if issuers == nil {
		return
	}
	if err := issuers.Ready(ctx); err != nil {
		log.FromContext(ctx).Info("Some token issuers cannot be reached yet", "reason", err.Error())
	}
}

// AuthenticateToken implements authenticator.Token.
func (c *Current) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	issuers := c.issuers.Load()
	if issuers == nil {
		return nil, false, nil
	}
	return issuers.AuthenticateToken(ctx, token)
}
