package tokencleaner

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	bootstrap "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/cluster-bootstrap/util/secrets"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Name is the controller's name in the list of all.
const Name = "tokencleaner"

// Controller deletes expired bootstrap tokens.
type Controller struct {
	Client client.Client
	Clock  clock.PassiveClock
}

// Reconcile deletes a token that has expired, or comes back when it will have.
func (c *Controller) Reconcile(ctx context.Context, token *corev1.Secret) (reconcile.Result, error) {
	left, expired := secrets.GetExpiration(token, c.Clock.Now())
	if !expired || token.DeletionTimestamp != nil {
		return kit.After(left), nil
	}
	err := c.Client.Delete(ctx, token, client.Preconditions{UID: &token.UID})
	if client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("deleting an expired bootstrap token: %w", err)
	}
	log.FromContext(ctx).Info("Deleted an expired bootstrap token", "secret", token.Name)
	return reconcile.Result{}, nil
}

// Register puts the controller on mgr. It wakes when a token changes and when it expires.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Clock: deps.Clock}
	isToken := predicate.NewPredicateFuncs(func(o client.Object) bool {
		s, ok := o.(*corev1.Secret)
		return ok && s.Namespace == metav1.NamespaceSystem && s.Type == bootstrap.SecretTypeBootstrapToken
	})
	return kit.New(mgr, Name).
		For(&corev1.Secret{}, builder.WithPredicates(isToken)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
