package rootca

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "rootca"

const (
	configMap             = "kube-root-ca.crt"
	key                   = "ca.crt"
	descriptionAnnotation = "kubernetes.io/description"
	description           = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)

// Controller publishes the root certificates.
type Controller struct {
	Client client.Client
	RootCA []byte

	clock   clock.PassiveClock
	metrics *metrics
}

// Reconcile writes the ConfigMap of an active namespace.
func (c *Controller) Reconcile(ctx context.Context, ns *corev1.Namespace) (reconcile.Result, error) {
	if ns.DeletionTimestamp != nil || ns.Status.Phase == corev1.NamespaceTerminating {
		return reconcile.Result{}, nil
	}
	began := c.clock.Now()
	err := c.publish(ctx, ns)
	c.metrics.synced(c.clock.Since(began), err)
	return patch.Result(reconcile.Result{}, err)
}

func (c *Controller) publish(ctx context.Context, ns *corev1.Namespace) error {
	current := &corev1.ConfigMap{}
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: ns.Name, Name: configMap}, current)
	if apierrors.IsNotFound(err) {
		return c.create(ctx, ns.Name)
	}
	if err != nil {
		return fmt.Errorf("reading root CA: %w", err)
	}
	_, _, err = patch.Object(ctx, c.Client, current, func(changed *corev1.ConfigMap) {
		changed.Data = map[string]string{key: string(c.RootCA)}
		changed.BinaryData = nil
		if changed.Annotations == nil {
			changed.Annotations = map[string]string{}
		}
		changed.Annotations[descriptionAnnotation] = description
	})
	return err
}

func (c *Controller) create(ctx context.Context, namespace string) error {
	err := c.Client.Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: configMap, Annotations: map[string]string{descriptionAnnotation: description},
		},
		Data: map[string]string{key: string(c.RootCA)},
	})
	if err == nil || apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	return fmt.Errorf("publishing root CA: %w", err)
}

// Register puts the controller on mgr. It wakes when a namespace appears, or its
// kube-root-ca.crt changes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if len(deps.RootCA) == 0 {
		return nil
	}
	c := &Controller{Client: mgr.GetClient(), RootCA: deps.RootCA, clock: deps.Clock, metrics: newMetrics(deps.Metrics)}
	ours := predicate.NewPredicateFuncs(func(obj client.Object) bool { return obj.GetName() == configMap })
	return kit.New(mgr, Name).
		For(&corev1.Namespace{}, builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(kit.NamespaceOf), builder.WithPredicates(ours)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
