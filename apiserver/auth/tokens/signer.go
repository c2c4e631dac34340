package tokens

import (
	"crypto"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
)

// signer turns claims into tokens.
type signer struct {
	jose jose.Signer
}

func newSigner(key crypto.Signer) (*signer, error) {
	public, err := NewPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	signing := jose.SigningKey{
		Algorithm: public.Algorithm,
		Key:       jose.JSONWebKey{Algorithm: string(public.Algorithm), Key: key, KeyID: public.ID, Use: "sig"},
	}
	made, err := jose.NewSigner(signing, nil)
	if err != nil {
		return nil, fmt.Errorf("making signer: %w", err)
	}
	return &signer{jose: made}, nil
}

func (s *signer) sign(c any) (string, error) {
	token, err := jwt.Signed(s.jose).Claims(c).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	return token, nil
}

// SignLegacy makes the token that is kept in a secret of type kubernetes.io/service-account-token.
func SignLegacy(key crypto.Signer, account *corev1.ServiceAccount, secret *corev1.Secret) (string, error) {
	s, err := newSigner(key)
	if err != nil {
		return "", err
	}
	return s.sign(claims{
		Claims: jwt.Claims{
			Issuer:  legacyIssuer,
			Subject: serviceaccount.MakeUsername(account.Namespace, account.Name),
		},
		legacyClaims: legacyClaims{
			Namespace: account.Namespace, SecretName: secret.Name, Account: account.Name, AccountUID: string(account.UID),
		},
	})
}
