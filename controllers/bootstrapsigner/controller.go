package bootstrapsigner

import (
	"context"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	bootstrap "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/cluster-bootstrap/util/secrets"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "bootstrapsigner"

// Controller signs cluster-info.
type Controller struct {
	Client client.Client
	Clock  clock.PassiveClock
}

// Reconcile gives cluster-info the signatures of the tokens that there are, and those alone.
func (c *Controller) Reconcile(ctx context.Context, info *corev1.ConfigMap) (reconcile.Result, error) {
	content, ok := info.Data[bootstrap.KubeConfigKey]
	if !ok {
		return reconcile.Result{}, nil
	}
	tokens, err := c.tokens(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	changed := info.DeepCopy()
	maps.DeleteFunc(changed.Data, func(key, _ string) bool { return strings.HasPrefix(key, bootstrap.JWSSignatureKeyPrefix) })
	for id, secret := range tokens {
		signature, err := Sign(content, id, secret)
		if err != nil {
			return reconcile.Result{}, err
		}
		changed.Data[bootstrap.JWSSignatureKeyPrefix+id] = signature
	}
	if maps.Equal(info.Data, changed.Data) {
		return reconcile.Result{}, nil
	}
	if err := c.Client.Update(ctx, changed); err != nil {
		return patch.Result(reconcile.Result{}, fmt.Errorf("updating cluster-info: %w", err))
	}
	log.FromContext(ctx).Info("Signed cluster-info", "tokens", len(tokens))
	return reconcile.Result{}, nil
}

// tokens are the secrets of the tokens that may sign, by their ids.
func (c *Controller) tokens(ctx context.Context) (map[string]string, error) {
	list := &corev1.SecretList{}
	if err := c.Client.List(ctx, list, client.InNamespace(metav1.NamespaceSystem)); err != nil {
		return nil, fmt.Errorf("listing bootstrap tokens: %w", err)
	}
	tokens := map[string]string{}
	for i := range list.Items {
		if id, secret, ok := c.usable(&list.Items[i]); ok {
			tokens[id] = secret
		}
	}
	return tokens, nil
}

func (c *Controller) usable(s *corev1.Secret) (id, secret string, ok bool) {
	named, isNamed := secrets.ParseName(s.Name)
	id = secrets.GetData(s, bootstrap.BootstrapTokenIDKey)
	secret = secrets.GetData(s, bootstrap.BootstrapTokenSecretKey)
	switch {
	case s.Type != bootstrap.SecretTypeBootstrapToken, s.DeletionTimestamp != nil, !isNamed, id != named, secret == "":
		return "", "", false
	case secrets.HasExpired(s, c.Clock.Now()):
		return "", "", false
	}
	return id, secret, secrets.GetData(s, bootstrap.BootstrapTokenUsageSigningKey) == "true"
}

// Register puts the controller on mgr. It wakes when cluster-info changes, and when a bootstrap token does. What has
// expired the token cleaner deletes, which wakes it too.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Clock: deps.Clock}
	info := client.ObjectKey{Namespace: metav1.NamespacePublic, Name: bootstrap.ConfigMapClusterInfo}
	isInfo := predicate.NewPredicateFuncs(func(o client.Object) bool { return client.ObjectKeyFromObject(o) == info })
	isToken := predicate.NewPredicateFuncs(func(o client.Object) bool {
		s, ok := o.(*corev1.Secret)
		return ok && s.Namespace == metav1.NamespaceSystem && s.Type == bootstrap.SecretTypeBootstrapToken
	})
	wake := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: info}}
	})
	return kit.New(mgr, Name).
		For(&corev1.ConfigMap{}, builder.WithPredicates(isInfo)).
		Watches(&corev1.Secret{}, wake, builder.WithPredicates(isToken)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
