package tokens

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

// invalidSince is the label by which a token in a secret is switched off.
const invalidSince = "kubernetes.io/legacy-token-invalid-since"

// exists checks that the object is there, is the same as when the token was made and is not long deleted.
func (v *Verifier) exists(ctx context.Context, of schema.GroupResource, namespace string, want reference) error {
	found, ok, err := auth.Find[resource.Object](ctx, v.Lister, of, namespace, want.Name)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s %q of the token does not exist", of.Resource, want.Name)
	}
	if string(found.GetUID()) != want.UID {
		return fmt.Errorf("%s %q of the token has another UID", of.Resource, want.Name)
	}
	if deleted := found.GetDeletionTimestamp(); deleted != nil && v.Clock.Now().After(deleted.Add(leeway)) {
		return fmt.Errorf("%s %q of the token has been deleted", of.Resource, want.Name)
	}
	return nil
}

// legacyAccount checks a token that is kept in a secret: it must still be there.
func (v *Verifier) legacyAccount(ctx context.Context, c *claims, token string) (*serviceaccount.ServiceAccountInfo, error) {
	l := c.legacyClaims
	if c.Issuer != legacyIssuer || l.Namespace == "" || l.SecretName == "" || l.Account == "" || l.AccountUID == "" {
		return nil, errors.New("the token names no service account and secret")
	}
	if c.Subject != serviceaccount.MakeUsername(l.Namespace, l.Account) {
		return nil, errors.New("the subject of the token is not its service account")
	}
	secret, ok, err := auth.Find[*corev1.Secret](ctx, v.Lister, secrets, l.Namespace, l.SecretName)
	if err != nil {
		return nil, err
	}
	if !ok || secret.DeletionTimestamp != nil {
		return nil, errors.New("service account token has been invalidated")
	}
	if subtle.ConstantTimeCompare(secret.Data[corev1.ServiceAccountTokenKey], []byte(token)) != 1 {
		return nil, errors.New("service account token does not match server's copy")
	}
	origin := v.origin(l.Namespace, l.Account, l.SecretName)
	if secret.Labels[invalidSince] != "" {
		if origin == authmetrics.LegacyAutoToken {
			v.Metrics.Account(authmetrics.InvalidLegacyAutoToken)
		}
		return nil, errors.New("the token in secret has been marked as invalid. Recreate the token or remove the label " + invalidSince)
	}
	if err := v.exists(ctx, accounts, l.Namespace, reference{Name: l.Account, UID: l.AccountUID}); err != nil {
		return nil, err
	}
	v.Metrics.Account(authmetrics.LegacyToken)
	v.Metrics.Account(origin)
	if v.Uses != nil {
		v.Uses.note(secret)
	}
	return &serviceaccount.ServiceAccountInfo{Namespace: l.Namespace, Name: l.Account, UID: l.AccountUID}, nil
}

// origin of a token in a secret: accounts name the secrets that were made with them.
func (v *Verifier) origin(namespace, account, secret string) authmetrics.AccountToken {
	found, ok := auth.Get[*corev1.ServiceAccount](v.Lister, accounts, namespace, account)
	if ok && slices.ContainsFunc(found.Secrets, func(of corev1.ObjectReference) bool { return of.Name == secret }) {
		return authmetrics.LegacyAutoToken
	}
	return authmetrics.LegacyManualToken
}
