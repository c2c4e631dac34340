package secured

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

const (
	// patience bounds one question to the API server.
	patience = 10 * time.Second
	// authoritiesTTL is how long the authorities of clients are believed to be those that the cluster has told of.
	authoritiesTTL = time.Minute
)

func (s *Server) authenticator(ctx context.Context) (authenticator.Request, error) {
	authorities := &authorities{}
	if s.ClientCAFile != "" {
		data, err := os.ReadFile(s.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("reading --client-ca-file: %w", err)
		}
		authorities.own = string(data)
	}
	all := &auth.Authenticator{Anonymous: true}
	if s.AuthenticationKubeconfig != "" {
		api, err := connect(s.AuthenticationKubeconfig)
		if err != nil {
			return nil, fmt.Errorf("reading --authentication-kubeconfig: %w", err)
		}
		if !s.AuthenticationSkipLookup {
			authorities.api, authorities.ctx = api, context.WithoutCancel(ctx)
		}
		remembering := &auth.Cached{Next: reviewer{api}, Accepted: s.AuthenticationTokenTTL, Clock: clock.RealClock{}}
		all.Requests = append(all.Requests, &auth.BearerTokens{Tokens: []authenticator.Token{remembering}})
	}
	if authorities.own != "" || authorities.api != nil {
		certificates := &auth.ClientCertificates{Roots: authorities.roots, Clock: clock.RealClock{}}
		all.Requests = append([]authenticator.Request{certificates}, all.Requests...)
	}
	return all, nil
}

func (s *Server) authorizer() (authorizer.Authorizer, error) {
	all := auth.Authorizers{auth.AllowPaths(s.AlwaysAllowPaths)}
	if s.AuthorizationKubeconfig == "" {
		return all, nil
	}
	api, err := connect(s.AuthorizationKubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading --authorization-kubeconfig: %w", err)
	}
	return append(all, &access{api: api, allowed: s.AllowedTTL, denied: s.DeniedTTL, clock: clock.RealClock{}}), nil
}

// connect makes a client for reviews.
func connect(kubeconfig string) (client.Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.Timeout, config.QPS = patience, -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, authenticationv1.AddToScheme, authorizationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// reviewer has the API server look at tokens.
type reviewer struct{ api client.Client }

// AuthenticateToken implements authenticator.Token.
func (r reviewer) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	if err := r.api.Create(ctx, review); err != nil {
		return nil, false, fmt.Errorf("reviewing a token: %w", err)
	}
	if !review.Status.Authenticated {
		if review.Status.Error != "" {
			return nil, false, errors.New(review.Status.Error)
		}
		return nil, false, nil
	}
	who := &user.DefaultInfo{Name: review.Status.User.Username, UID: review.Status.User.UID, Groups: review.Status.User.Groups, Extra: map[string][]string{}}
	for key, values := range review.Status.User.Extra {
		who.Extra[key] = values
	}
	return &authenticator.Response{User: who}, true, nil
}

// access has the API server say what somebody may, and remembers the answer.
type access struct {
	api             client.Client
	allowed, denied time.Duration
	clock           clock.PassiveClock
	known           auth.Bounded[[sha256.Size]byte, answer]
}

type answer struct {
	status authorizationv1.SubjectAccessReviewStatus
	until  time.Time
}

// Authorize implements authorizer.Authorizer.
func (a *access) Authorize(ctx context.Context, asked authorizer.Attributes) (authorizer.Decision, string, error) {
	who := asked.GetUser()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: who.GetName(), UID: who.GetUID(), Groups: who.GetGroups(), Extra: map[string]authorizationv1.ExtraValue{},
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: asked.GetPath(), Verb: asked.GetVerb()},
	}}
	for key, values := range who.GetExtra() {
		review.Spec.Extra[key] = values
	}
	question, err := json.Marshal(review.Spec)
	if err != nil {
		return authorizer.DecisionNoOpinion, "", err
	}
	key := sha256.Sum256(question)
	known, ok := a.known.Get(key)
	if !ok || !a.clock.Now().Before(known.until) {
		if err := a.api.Create(ctx, review); err != nil {
			return authorizer.DecisionNoOpinion, "", fmt.Errorf("reviewing access: %w", err)
		}
		keep := a.denied
		if review.Status.Allowed {
			keep = a.allowed
		}
		known = answer{review.Status, a.clock.Now().Add(keep)}
		a.known.Put(key, known)
	}
	switch {
	case known.status.Denied:
		return authorizer.DecisionDeny, known.status.Reason, nil
	case known.status.Allowed:
		return authorizer.DecisionAllow, known.status.Reason, nil
	}
	return authorizer.DecisionNoOpinion, known.status.Reason, nil
}

// authorities are those of clients: of a file, and those that the cluster tells of, which are asked for when somebody shows a certificate.
type authorities struct {
	own string
	api client.Client   // nil asks nobody
	ctx context.Context //nolint:containedctx // verifying certificates passes none

	mu    sync.Mutex
	pool  *x509.CertPool
	told  string
	until time.Time
}

func (a *authorities) roots() *x509.CertPool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); a.pool == nil || a.api != nil && now.After(a.until) {
		told := a.told
		if a.api != nil {
			if said, err := a.ask(); err == nil {
				told = said
			} else {
				log.FromContext(a.ctx).Error(err, "Asking for the authorities of clients failed")
			}
			a.until = now.Add(authoritiesTTL)
		}
		if a.pool == nil || told != a.told { // another pool forgets whom it has verified
			a.pool, a.told = x509.NewCertPool(), told
			a.pool.AppendCertsFromPEM([]byte(a.own))
			a.pool.AppendCertsFromPEM([]byte(told))
		}
	}
	return a.pool
}

func (a *authorities) ask() (string, error) {
	var found corev1.ConfigMap
	if err := a.api.Get(a.ctx, client.ObjectKey{Namespace: "kube-system", Name: "extension-apiserver-authentication"}, &found); err != nil {
		return "", err
	}
	return found.Data["client-ca-file"], nil
}
