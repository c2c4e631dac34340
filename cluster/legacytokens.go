package cluster

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
)

// legacyToken signs tokens that are kept in Secrets with the key of all service account tokens; nil without one.
func (c *controlPlane) legacyToken() func(*corev1.ServiceAccount, *corev1.Secret) (string, error) {
	issuer, ok := c.server.Tokens.(*tokens.Issuer)
	if !ok || issuer.Key == nil {
		return nil
	}
	return func(account *corev1.ServiceAccount, secret *corev1.Secret) (string, error) {
		return tokens.SignLegacy(issuer.Key, account, secret)
	}
}
