package standalone

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/controllers"
)

// tokenLife is how long a token is asked for; one is replaced after four fifths of it.
const tokenLife = time.Hour

// newManager is what controllers are put on: their informers read as the kubeconfig says.
func newManager(ctx context.Context, config *rest.Config) (manager.Manager, error) {
	return ctrl.NewManager(config, manager.Options{
		Scheme: apis.NewScheme(), Logger: log.FromContext(ctx).V(1), Metrics: server.Options{BindAddress: "0"}, Cache: informers(),
	})
}

// accounts have each controller act as a service account of kube-system, by tokens that the kubeconfig's user asks for.
type accounts struct {
	ctx  context.Context //nolint:containedctx // of the term; access is called without one
	mgr  manager.Manager
	made []record.EventBroadcaster
}

func newAccounts(ctx context.Context, mgr manager.Manager) *accounts {
	return &accounts{ctx: ctx, mgr: mgr}
}

// stop ends the telling of events.
func (a *accounts) stop() {
	for _, broadcaster := range a.made {
		broadcaster.Shutdown()
	}
}

// access implements controllers.Deps.Access.
func (a *accounts) access(account string) (controllers.Access, error) {
	config := rest.AnonymousClientConfig(a.mgr.GetConfig())
	config.UserAgent = a.mgr.GetConfig().UserAgent + "/" + account
	tokens := &accountTokens{name: client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: account}, mgr: a.mgr}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &bearer{next, tokens} })
	caller, err := rest.HTTPClientFor(config)
	if err != nil {
		return controllers.Access{}, err
	}
	options := client.Options{Scheme: a.mgr.GetScheme(), Mapper: a.mgr.GetRESTMapper(), HTTPClient: caller}
	live, err := client.New(config, options)
	if err != nil {
		return controllers.Access{}, err
	}
	options.Cache = &client.CacheOptions{Reader: a.mgr.GetCache()}
	reading, err := client.New(config, options)
	if err != nil {
		return controllers.Access{}, err
	}
	telling, err := typedcorev1.NewForConfigAndClient(config, caller)
	if err != nil {
		return controllers.Access{}, err
	}
	broadcaster := sync.OnceValue(func() record.EventBroadcaster {
		made := record.NewBroadcaster(record.WithContext(a.ctx))
		made.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: telling.Events("")})
		a.made = append(a.made, made)
		return made
	})
	return controllers.Access{
		Config: config, HTTPClient: caller, Client: reading, Live: live,
		Recorder: func(component string) record.EventRecorder {
			return broadcaster().NewRecorder(a.mgr.GetScheme(), corev1.EventSource{Component: component})
		},
	}, nil
}

// bearer shows a service account's token. One that is refused is not shown again.
type bearer struct {
	next   http.RoundTripper
	tokens *accountTokens
}

// RoundTrip implements http.RoundTripper.
func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := b.tokens.get(r.Context())
	if err != nil {
		return nil, err
	}
	r = utilnet.CloneRequest(r)
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := b.next.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusUnauthorized {
		b.tokens.drop(token)
	}
	return answer, err
}

// WrappedRoundTripper lets client-go find the transport below.
func (b *bearer) WrappedRoundTripper() http.RoundTripper { return b.next }

// accountTokens are those of one account, one at a time. The account is made if it is not there.
type accountTokens struct {
	name client.ObjectKey
	mgr  manager.Manager

	mu    sync.Mutex
	token string
	until time.Time
}

func (t *accountTokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.token != "" && now.Before(t.until) {
		return t.token, nil
	}
	// What is asked for here may be read from no cache: controllers call before it has been filled.
	api, err := client.New(t.mgr.GetConfig(), client.Options{Scheme: t.mgr.GetScheme(), Mapper: t.mgr.GetRESTMapper(), HTTPClient: t.mgr.GetHTTPClient()})
	if err != nil {
		return "", err
	}
	request, err := t.ask(ctx, api)
	if apierrors.IsNotFound(err) {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: t.name.Namespace, Name: t.name.Name}}
		if err := api.Create(ctx, account); err != nil && !apierrors.IsAlreadyExists(err) {
			return "", fmt.Errorf("making service account %s: %w", t.name, err)
		}
		request, err = t.ask(ctx, api)
	}
	if err != nil {
		return "", fmt.Errorf("requesting a token of service account %s: %w", t.name, err)
	}
	t.token, t.until = request.Status.Token, now.Add(request.Status.ExpirationTimestamp.Sub(now)*4/5)
	return t.token, nil
}

func (t *accountTokens) ask(ctx context.Context, api client.Client) (*authenticationv1.TokenRequest, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To(int64(tokenLife.Seconds()))}}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: t.name.Namespace, Name: t.name.Name}}
	return request, api.SubResource("token").Create(ctx, account, request)
}

func (t *accountTokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token == token {
		t.token = ""
	}
}
