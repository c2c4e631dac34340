package legacytokencleaner

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
const Name = "legacyserviceaccounttokencleaner"

// mounted tokens are looked at again a day later: that a pod goes wakes nobody.
const again = 24 * time.Hour

// Controller reconciles Secrets of type kubernetes.io/service-account-token.
type Controller struct {
	Client client.Client
	// Live reads the ConfigMap, which is not worth a cache.
	Live  client.Reader
	Clock clock.PassiveClock
	// Period is how long a token may be unused before it is switched off, and then again before it is deleted.
	Period time.Duration
}

// Reconcile switches a token off that nobody uses, deletes it, or waits until it may.
func (c *Controller) Reconcile(ctx context.Context, secret *corev1.Secret) (reconcile.Result, error) {
	account := secret.Annotations[corev1.ServiceAccountNameKey]
	if secret.Type != corev1.SecretTypeServiceAccountToken || account == "" || secret.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	made, err := c.madeWith(ctx, secret, account)
	if err != nil || !made {
		return reconcile.Result{}, err
	}
	tracking := &corev1.ConfigMap{}
	if err := c.Live.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: Tracking}, tracking); client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("reading since when uses are noted: %w", err)
	}
	since := Since(tracking)
	if since == nil {
		return kit.After(again), nil
	}
	do, wait := decide(secret, *since, c.Clock.Now(), c.Period)
	if do == nothing {
		return kit.After(wait), nil
	}
	if used, err := c.mounted(ctx, secret); err != nil || used {
		return kit.After(again), err
	}
	return patch.Result(kit.After(wait), c.do(ctx, secret, do))
}

func (c *Controller) do(ctx context.Context, secret *corev1.Secret, do what) error {
	logger := log.FromContext(ctx).WithValues("secret", client.ObjectKeyFromObject(secret))
	if do == mark {
		logger.Info("Switching off a token that nobody uses")
		return patch.Metadata(ctx, c.Client, secret, func(s *corev1.Secret) {
			metav1.SetMetaDataLabel(&s.ObjectMeta, invalidSince, c.Clock.Now().UTC().Format(time.DateOnly))
		})
	}
	logger.Info("Deleting a token that was switched off long ago")
	if err := c.Client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion}); err != nil {
		return fmt.Errorf("deleting secret %s: %w", secret.Name, err)
	}
	return nil
}

// madeWith says whether a token was made with its account: such accounts name it.
func (c *Controller) madeWith(ctx context.Context, secret *corev1.Secret, name string) (bool, error) {
	account := &corev1.ServiceAccount{}
	if err := c.Client.Get(ctx, client.ObjectKey{Namespace: secret.Namespace, Name: name}, account); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return names(account, secret.Name), nil
}

func names(account *corev1.ServiceAccount, secret string) bool {
	return slices.ContainsFunc(account.Secrets, func(of corev1.ObjectReference) bool { return of.Name == secret })
}

func (c *Controller) mounted(ctx context.Context, secret *corev1.Secret) (bool, error) {
	pods := &corev1.PodList{}
	if err := c.Client.List(ctx, pods, client.InNamespace(secret.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing pods: %w", err)
	}
	return slices.ContainsFunc(pods.Items, func(pod corev1.Pod) bool { return mounts(&pod, secret.Name) }), nil
}

// mounts says whether a pod has a Secret as a volume.
func mounts(pod *corev1.Pod, secret string) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Secret != nil && v.Secret.SecretName == secret })
}

// of are the tokens that were made with an account.
func of(_ context.Context, o client.Object) []reconcile.Request {
	account, ok := o.(*corev1.ServiceAccount)
	if !ok {
		return nil
	}
	var requests []reconcile.Request
	for _, secret := range account.Secrets {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: account.Namespace, Name: secret.Name}})
	}
	return requests
}

// Register puts the controller on mgr. It wakes when such a Secret changes, when an account begins to name it, and when it is old enough.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: deps.Clock, Period: deps.LegacyTokenPeriod}
	tokens := predicate.NewPredicateFuncs(func(o client.Object) bool {
		secret, ok := o.(*corev1.Secret)
		return ok && secret.Type == corev1.SecretTypeServiceAccountToken
	})
	return kit.New(mgr, Name).
		For(&corev1.Secret{}, builder.WithPredicates(tokens)).
		Watches(&corev1.ServiceAccount{}, handler.EnqueueRequestsFromMapFunc(of)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
