package server

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/utils/lru"
)

// How long answers of the API server are believed: KubeletConfiguration's defaults.
const (
	tokenTTL     = 2 * time.Minute
	allowedTTL   = 5 * time.Minute
	deniedTTL    = 30 * time.Second
	cacheEntries = 1024
)

// guard answers only requests of somebody who is known and may.
func (s *Server) guard(next http.Handler) http.Handler {
	checks := &checks{Server: s, tokens: lru.New(cacheEntries), access: lru.New(cacheEntries)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := checks.authenticate(r)
		if err != nil {
			logr.FromContextOrDiscard(r.Context()).V(1).Info("Unable to authenticate a request", "error", err.Error())
		}
		if user == nil {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		verb, subresources := attributes(r)
		for _, subresource := range subresources {
			allowed, err := checks.authorize(r.Context(), *user, verb, subresource)
			if err != nil {
				logr.FromContextOrDiscard(r.Context()).Error(err, "Authorizing a request failed", "user", user.Username)
				http.Error(w, fmt.Sprintf("Authorization error (user=%s, verb=%s, resource=nodes, subresource(s)=%v)", user.Username, verb, subresources), http.StatusInternalServerError)
				return
			}
			if allowed {
				next.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, fmt.Sprintf("Forbidden (user=%s, verb=%s, resource=nodes, subresource(s)=%v)", user.Username, verb, subresources), http.StatusForbidden)
	})
}

// attributes says what a request means for the authorizer: the verb on the node, and the subresources of which one must
// be allowed. Whatever runs or reaches into a container is a create, also when it arrives as the GET of a websocket.
func attributes(r *http.Request) (verb string, subresources []string) {
	switch r.Method {
	case http.MethodPost:
		verb = "create"
	case http.MethodPut:
		verb = "update"
	case http.MethodPatch:
		verb = "patch"
	case http.MethodDelete:
		verb = "delete"
	default:
		verb = "get"
	}
	under := func(prefix string) bool {
		return r.URL.Path == prefix || strings.HasPrefix(r.URL.Path, prefix+"/")
	}
	switch {
	case under("/exec"), under("/attach"), under("/portForward"), under("/run"):
		return "create", []string{"proxy"}
	case under("/stats"):
		return verb, []string{"stats"}
	case under("/metrics"):
		return verb, []string{"metrics"}
	case under("/logs"):
		return verb, []string{"log"}
	case under("/pods"), under("/runningpods"):
		return verb, []string{"pods", "proxy"}
	case under("/healthz"):
		return verb, []string{"healthz", "proxy"}
	case under("/configz"), under("/flagz"):
		return verb, []string{"configz", "proxy"}
	case under("/statusz"):
		return verb, []string{"statusz", "proxy"}
	default:
		return verb, []string{"proxy"}
	}
}

// checks remembers the API server's answers for a while.
type checks struct {
	*Server
	mu     sync.Mutex
	tokens *lru.Cache // sha256 of a token: remembered[*UserInfo]
	access *lru.Cache // text of a question: remembered[bool]
}

type remembered[T any] struct {
	value T
	until time.Time
}

func recall[T any](c *checks, cache *lru.Cache, key any) (value T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, _ := cache.Get(key)
	if entry, isEntry := found.(remembered[T]); isEntry && c.clock().Now().Before(entry.until) {
		return entry.value, true
	}
	return value, false
}

func remember[T any](c *checks, cache *lru.Cache, key any, value T, ttl time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cache.Add(key, remembered[T]{value, c.clock().Now().Add(ttl)})
}

// authenticate returns nil when nobody can be made out.
func (c *checks) authenticate(r *http.Request) (*authenticationv1.UserInfo, error) {
	user, err := c.certificate(r)
	if user != nil {
		return user, nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || strings.TrimSpace(token) == "" {
		return nil, err
	}
	return c.token(r.Context(), strings.TrimSpace(token))
}

func (c *checks) certificate(r *http.Request) (*authenticationv1.UserInfo, error) {
	if c.ClientCAs == nil || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil, nil
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range r.TLS.PeerCertificates[1:] {
		intermediates.AddCert(certificate)
	}
	leaf := r.TLS.PeerCertificates[0]
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.ClientCAs, Intermediates: intermediates, CurrentTime: c.clock().Now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, fmt.Errorf("verifying client certificate: %w", err)
	}
	if leaf.Subject.CommonName == "" {
		return nil, errors.New("verifying client certificate: it names no user")
	}
	groups := append(append([]string{}, leaf.Subject.Organization...), "system:authenticated")
	return &authenticationv1.UserInfo{Username: leaf.Subject.CommonName, Groups: groups}, nil
}

func (c *checks) token(ctx context.Context, token string) (*authenticationv1.UserInfo, error) {
	key := sha256.Sum256([]byte(token))
	if user, ok := recall[*authenticationv1.UserInfo](c, c.tokens, key); ok {
		return user, nil
	}
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	if err := c.Client.Create(ctx, review); err != nil {
		return nil, fmt.Errorf("reviewing token: %w", err)
	}
	if !review.Status.Authenticated {
		return nil, nil
	}
	user := &review.Status.User
	remember(c, c.tokens, key, user, tokenTTL)
	return user, nil
}

func (c *checks) authorize(ctx context.Context, user authenticationv1.UserInfo, verb, subresource string) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Version: "v1", Resource: "nodes", Subresource: subresource, Name: c.NodeName,
		},
	}}
	if len(user.Extra) > 0 {
		review.Spec.Extra = make(map[string]authorizationv1.ExtraValue, len(user.Extra))
		for name, values := range user.Extra {
			review.Spec.Extra[name] = authorizationv1.ExtraValue(values)
		}
	}
	key := fmt.Sprintf("%q", []any{verb, subresource, user.Username, user.UID, user.Groups, user.Extra})
	if allowed, ok := recall[bool](c, c.access, key); ok {
		return allowed, nil
	}
	if err := c.Client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("reviewing access: %w", err)
	}
	allowed := review.Status.Allowed && !review.Status.Denied
	ttl := deniedTTL
	if allowed {
		ttl = allowedTTL
	}
	remember(c, c.access, key, allowed, ttl)
	return allowed, nil
}
