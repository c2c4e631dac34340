package serviceaccounttoken

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "serviceaccounttoken"

// Controller reconciles Secrets of type kubernetes.io/service-account-token.
type Controller struct {
	Client client.Client
	// Live reads what the cache may not have yet.
	Live client.Reader
	// Sign makes the token of an account for a Secret.
	Sign   func(*corev1.ServiceAccount, *corev1.Secret) (string, error)
	RootCA []byte
}

// Reconcile fills a Secret, deletes one without an account, and clears up after one that is gone.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	secret := &corev1.Secret{}
	err := c.Client.Get(ctx, request.NamespacedName, secret)
	switch {
	case apierrors.IsNotFound(err):
		err = c.unlist(ctx, request.NamespacedName)
	case err == nil && holdsToken(secret) && secret.DeletionTimestamp == nil:
		err = c.keep(ctx, secret)
	}
	return patch.Result(reconcile.Result{}, err)
}

func holdsToken(secret *corev1.Secret) bool {
	return secret.Type == corev1.SecretTypeServiceAccountToken && secret.Annotations[corev1.ServiceAccountNameKey] != ""
}

// keep fills a Secret, or deletes it when its account is gone.
func (c *Controller) keep(ctx context.Context, secret *corev1.Secret) error {
	account, err := c.account(ctx, secret)
	if err != nil {
		return err
	}
	if account == nil {
		log.FromContext(ctx).Info("Deleting the token of a service account that is gone", "secret", client.ObjectKeyFromObject(secret))
		err := c.Client.Delete(ctx, secret, client.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion})
		if err != nil {
			return fmt.Errorf("deleting secret %s: %w", secret.Name, err)
		}
		return nil
	}
	token := secret.Data[corev1.ServiceAccountTokenKey]
	if len(token) == 0 {
		signed, err := c.Sign(account, secret)
		if err != nil {
			return fmt.Errorf("signing the token of service account %s: %w", account.Name, err)
		}
		token = []byte(signed)
	}
	_, _, err = patch.Object(ctx, c.Client, secret, func(secret *corev1.Secret) { c.fill(secret, account, token) })
	return err
}

// account is the one that a Secret is for; nil if there is none of that name, or it is not the one that it was.
func (c *Controller) account(ctx context.Context, secret *corev1.Secret) (*corev1.ServiceAccount, error) {
	key := client.ObjectKey{Namespace: secret.Namespace, Name: secret.Annotations[corev1.ServiceAccountNameKey]}
	wanted := secret.Annotations[corev1.ServiceAccountUIDKey]
	for _, reader := range []client.Reader{c.Client, c.Live} {
		account := &corev1.ServiceAccount{}
		err := reader.Get(ctx, key, account)
		if err == nil && (wanted == "" || wanted == string(account.UID)) {
			return account, nil
		}
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("reading service account %s: %w", key, err)
		}
	}
	return nil, nil
}

func (c *Controller) fill(secret *corev1.Secret, account *corev1.ServiceAccount, token []byte) {
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	secret.Data[corev1.ServiceAccountTokenKey] = token
	if len(c.RootCA) > 0 && !bytes.Equal(secret.Data[corev1.ServiceAccountRootCAKey], c.RootCA) {
		secret.Data[corev1.ServiceAccountRootCAKey] = c.RootCA
	}
	if len(secret.Data[corev1.ServiceAccountNamespaceKey]) == 0 {
		secret.Data[corev1.ServiceAccountNamespaceKey] = []byte(secret.Namespace)
	}
	secret.Annotations[corev1.ServiceAccountNameKey] = account.Name
	secret.Annotations[corev1.ServiceAccountUIDKey] = string(account.UID)
}

// unlist takes a Secret that is gone out of the lists of accounts.
func (c *Controller) unlist(ctx context.Context, gone client.ObjectKey) error {
	var accounts corev1.ServiceAccountList
	if err := c.Client.List(ctx, &accounts, client.InNamespace(gone.Namespace)); err != nil {
		return fmt.Errorf("listing service accounts: %w", err)
	}
	for i := range accounts.Items {
		_, _, err := patch.Object(ctx, c.Client, &accounts.Items[i], func(account *corev1.ServiceAccount) {
			account.Secrets = slices.DeleteFunc(account.Secrets, func(of corev1.ObjectReference) bool { return of.Name == gone.Name })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// ofAccount are the Secrets of an account.
func (c *Controller) ofAccount(ctx context.Context, account client.Object) []reconcile.Request {
	var secrets corev1.SecretList
	if err := c.Client.List(ctx, &secrets, client.InNamespace(account.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range secrets.Items {
		if s := &secrets.Items[i]; holdsToken(s) && s.Annotations[corev1.ServiceAccountNameKey] == account.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s)})
		}
	}
	return requests
}

// Register puts the controller on mgr, if there is a key to sign with. It wakes when such a Secret changes or goes, and when a service
// account goes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if deps.LegacyToken == nil {
		return nil
	}
	c := &Controller{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Sign: deps.LegacyToken, RootCA: deps.RootCA}
	tokens := predicate.NewPredicateFuncs(func(o client.Object) bool {
		secret, ok := o.(*corev1.Secret)
		return ok && holdsToken(secret)
	})
	goes := predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }, UpdateFunc: func(event.UpdateEvent) bool { return false }}
	return kit.New(mgr, Name).
		For(&corev1.Secret{}, builder.WithPredicates(tokens)).
		Watches(&corev1.ServiceAccount{}, handler.EnqueueRequestsFromMapFunc(c.ofAccount), builder.WithPredicates(goes)).
		Complete(c)
}
