package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

// algorithms that are believed; "none" and symmetric ones are not.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// Verifier recognizes service account tokens. A signature is checked once per token; whether the account
// and the object that the token is bound to still exist is checked every time.
type Verifier struct {
	Lister auth.Lister
	Clock  clock.PassiveClock
	// Issuers whose tokens are accepted. Tokens in secrets have an issuer of their own.
	Issuers []string
	// Audiences of the API server, expected unless the context asks for others.
	Audiences []string
	Keys      []PublicKey
	Metrics   *authmetrics.Metrics // of what is used; may be nil
	// Uses notes the use of tokens that are kept in secrets; may be nil.
	Uses *Uses

	verified auth.Bounded[[sha256.Size]byte, claims]
}

var _ authenticator.Token = &Verifier{}

// AuthenticateToken implements authenticator.Token. A token of another issuer is left to others.
func (v *Verifier) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	issuer := issuerOf(token)
	if issuer != legacyIssuer && !slices.Contains(v.Issuers, issuer) {
		return nil, false, nil
	}
	digest := sha256.Sum256([]byte(token))
	c, ok := v.verified.Get(digest)
	if !ok {
		var err error
		if c, err = v.verify(token); err != nil {
			return nil, false, err
		}
		v.verified.Put(digest, c)
	}
	audiences, err := v.audiences(ctx, &c)
	if err != nil {
		return nil, false, err
	}
	info, err := v.account(ctx, &c, token)
	if err != nil {
		return nil, false, err
	}
	return &authenticator.Response{User: info.UserInfo(), Audiences: audiences}, true, nil
}

// issuerOf reads the issuer without believing it, to see whose token this is.
func issuerOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return ""
	}
	return c.Issuer
}

func (v *Verifier) verify(token string) (claims, error) {
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return claims{}, fmt.Errorf("parsing token: %w", err)
	}
	id := ""
	if len(parsed.Headers) > 0 {
		id = parsed.Headers[0].KeyID
	}
	err = errors.New("no key to verify the token with")
	for _, key := range v.Keys {
		if id != "" && id != key.ID {
			continue
		}
		var c claims
		if err = parsed.Claims(key.Key, &c); err == nil {
			return c, nil
		}
	}
	return claims{}, err
}

// audiences returns those of the token that are wanted.
func (v *Verifier) audiences(ctx context.Context, c *claims) (authenticator.Audiences, error) {
	wanted, ok := authenticator.AudiencesFrom(ctx)
	if !ok || len(wanted) == 0 {
		wanted = v.Audiences
	}
	given := authenticator.Audiences(c.Audience)
	if len(given) == 0 && c.Issuer == legacyIssuer {
		given = v.Audiences
	}
	both := wanted.Intersect(given)
	if len(both) == 0 {
		return nil, fmt.Errorf("token audiences %q is invalid for the target audiences %q", given, wanted)
	}
	return both, nil
}

func (v *Verifier) account(ctx context.Context, c *claims, token string) (*serviceaccount.ServiceAccountInfo, error) {
	if c.Kubernetes == nil {
		return v.legacyAccount(ctx, c, token)
	}
	if err := v.inTime(c); err != nil {
		return nil, err
	}
	k := c.Kubernetes
	if c.Subject != serviceaccount.MakeUsername(k.Namespace, k.ServiceAccount.Name) {
		return nil, errors.New("the subject of the token is not its service account")
	}
	info := &serviceaccount.ServiceAccountInfo{Namespace: k.Namespace, Name: k.ServiceAccount.Name, UID: k.ServiceAccount.UID}
	if c.ID != "" {
		info.CredentialID = "JTI=" + c.ID
	}
	if err := v.exists(ctx, accounts, k.Namespace, k.ServiceAccount); err != nil {
		return nil, err
	}
	if err := v.bound(ctx, k, info); err != nil {
		return nil, err
	}
	kind := authmetrics.ValidToken
	if k.WarnAfter != nil && v.Clock.Now().After(k.WarnAfter.Time()) {
		kind = authmetrics.StaleToken
	}
	v.Metrics.Account(kind)
	return info, nil
}

// bound checks the object that the token lives with, and names it in info.
func (v *Verifier) bound(ctx context.Context, k *kubernetesClaims, info *serviceaccount.ServiceAccountInfo) error {
	if k.Secret != nil {
		if err := v.exists(ctx, secrets, k.Namespace, *k.Secret); err != nil {
			return err
		}
	}
	if k.Pod != nil {
		if err := v.exists(ctx, pods, k.Namespace, *k.Pod); err != nil {
			return err
		}
		info.PodName, info.PodUID = k.Pod.Name, k.Pod.UID
	}
	if k.Node != nil {
		// The node of a token for a pod is a remark, for pods outlive nodes; only a token for the node
		// itself ends with it.
		if k.Pod == nil {
			if err := v.exists(ctx, nodes, "", *k.Node); err != nil {
				return err
			}
		}
		info.NodeName, info.NodeUID = k.Node.Name, k.Node.UID
	}
	return nil
}

func (v *Verifier) inTime(c *claims) error {
	now := v.Clock.Now()
	if c.Expiry == nil || now.After(c.Expiry.Time()) {
		return errors.New("service account token has expired")
	}
	if c.NotBefore != nil && now.Before(c.NotBefore.Time()) {
		return errors.New("service account token is not valid yet")
	}
	return nil
}

// leeway after the deletion of an object is asked for, in which tokens that are bound to it still serve its
// shutting down.
const leeway = time.Minute
