package cluster

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/plugins"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/rbac"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/review"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/apiserver/filters"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// access is who may call the API server and what they may do.
type access struct {
	authenticator authenticator.Request
	authorizer    authorizer.Authorizer
	impersonate   filters.Impersonator
	admission     *admission.Chain
	issuer        *tokens.Issuer
	reviews       map[schema.GroupResource]apiserver.VirtualFunc
	documents     map[string]http.Handler
	metrics       prometheus.Collector
}

// newAccess wires credentials to identities, and identities to what they may do. What follows files ends with ctx.
func (c *controlPlane) newAccess(ctx context.Context) (*access, error) {
	metrics := authmetrics.New(c.options.NodeName)
	who, err := c.newIdentities(ctx, metrics)
	if err != nil {
		return nil, err
	}
	roles := rbac.New(c.view)
	authorizers, err := c.newAuthorizers(ctx, roles, metrics)
	if err != nil {
		return nil, err
	}
	configured, err := configuration.Read(c.options.AdmissionControlConfigFile)
	if err != nil {
		return nil, err
	}
	chain, err := plugins.New(plugins.Deps{
		Lister: c.view, Authorizer: authorizers, Rows: c.rows, Await: c.view.Await, Webhooks: c.webhooks(), Configuration: configured,
		Quotas: &admissionWriter{plane: c, user: identity.Quota()}, Namespaces: &admissionWriter{plane: c, user: identity.Server()},
		Objects: func(kind schema.GroupVersionKind) (admission.Objects, bool) { return c.server.Objects(kind) },
	}, c.options.EnableAdmissionPlugins, c.options.DisableAdmissionPlugins)
	if err != nil {
		return nil, err
	}
	chain = chain.After(admission.Plugin{Name: "RBACEscalation", Validator: &rbac.Escalation{RBAC: roles, Authorizer: authorizers}})
	own := who.accounts
	documents, err := tokens.Discovery(own.issuers[0], c.jwksURI, own.keys)
	if err != nil {
		return nil, fmt.Errorf("making the documents of token verification: %w", err)
	}
	reviewer := &review.Reviewer{Tokens: who.bearers, Audiences: own.audiences, Authorizer: authorizers, Rules: authorizers, Clock: clock.RealClock{}}
	return &access{
		authenticator: who.authenticator(), authorizer: metrics.Authorizer(authorizers, clock.RealClock{}), metrics: metrics,
		admission: chain, documents: documents, impersonate: (&auth.Impersonator{Authorizer: authorizers, Metrics: metrics}).Request,
		issuer: &tokens.Issuer{
			Lister: c.view, Clock: clock.RealClock{}, Issuer: own.issuers[0], Audiences: own.audiences, Key: own.signing,
			MaxSeconds:  int64(c.options.ServiceAccountMaxTokenExpiration.Seconds()),
			NoExtension: !c.options.ServiceAccountExtendTokenExpiration,
		},
		reviews: reviewer.Funcs(),
	}, nil
}

// headers are those by which front proxies name users.
func headers(o *options.RequestHeaderOptions) filters.Headers {
	return filters.Headers{
		Names:    slices.Concat(o.RequestHeaderUsernameHeaders, o.RequestHeaderUIDHeaders, o.RequestHeaderGroupHeaders),
		Prefixes: o.RequestHeaderExtraHeaderPrefixes,
	}
}

// webhooks calls what answers for the cluster at a Service or an address.
func (c *controlPlane) webhooks() *webhookclient.Clients {
	return &webhookclient.Clients{Resolver: c.resolver()}
}

// resolver finds the endpoints of Services.
func (c *controlPlane) resolver() webhookclient.Resolver {
	return &webhookclient.Services{Lister: c.view, Local: func() string { return strings.TrimPrefix(c.url(), "https://") }}
}

// admissionWriter stores what admission has charged and made, through the API that admission is a part of.
type admissionWriter struct {
	plane  *controlPlane
	user   user.Info
	once   sync.Once
	writer client.Client
	err    error
}

func (w *admissionWriter) client() (client.Client, error) {
	w.once.Do(func() {
		w.writer, w.err = w.plane.inProcess.Client(w.user, nil)
	})
	return w.writer, w.err
}

// UpdateStatus implements resourcequota.StatusWriter.
func (w *admissionWriter) UpdateStatus(ctx context.Context, quota *corev1.ResourceQuota) error {
	writer, err := w.client()
	if err != nil {
		return err
	}
	return writer.Status().Update(ctx, quota)
}

// CreateNamespace implements namespaceautoprovision.Creator.
func (w *admissionWriter) CreateNamespace(ctx context.Context, namespace *corev1.Namespace) error {
	writer, err := w.client()
	if err != nil {
		return err
	}
	return writer.Create(ctx, namespace)
}
