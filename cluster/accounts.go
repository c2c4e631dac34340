package cluster

import (
	"context"
	"crypto"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
)

// accountTokens are how service accounts prove who they are.
type accountTokens struct {
	issuers, audiences []string
	signing            crypto.Signer
	keys               []tokens.PublicKey
}

// newAccountTokens uses the user's keys, or else the server's own.
func (c *controlPlane) newAccountTokens() (*accountTokens, error) {
	o := c.options
	t := &accountTokens{issuers: o.ServiceAccountIssuers, audiences: o.APIAudiences, signing: c.certificates.Tokens}
	if len(t.issuers) == 0 {
		t.issuers = []string{"https://kubernetes.default.svc." + o.ClusterDomain}
	}
	if len(t.audiences) == 0 {
		t.audiences = t.issuers
	}
	var err error
	if o.ServiceAccountSigningKeyFile != "" {
		if t.signing, err = tokens.LoadSigner(o.ServiceAccountSigningKeyFile); err != nil {
			return nil, fmt.Errorf("reading --service-account-signing-key-file: %w", err)
		}
	}
	for _, file := range o.ServiceAccountKeyFiles {
		more, err := tokens.LoadPublicKeys(file)
		if err != nil {
			return nil, fmt.Errorf("reading --service-account-key-file: %w", err)
		}
		t.keys = append(t.keys, more...)
	}
	if len(t.keys) == 0 {
		key, err := tokens.NewPublicKey(t.signing.Public())
		if err != nil {
			return nil, err
		}
		t.keys = []tokens.PublicKey{key}
	}
	return t, nil
}

// jwksURI is where others find the keys that verify tokens.
func (c *controlPlane) jwksURI() string {
	if c.options.ServiceAccountJWKSURI != "" {
		return c.options.ServiceAccountJWKSURI
	}
	return c.publicURL() + tokens.KeysPath
}

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

// noteTokens has the uses of tokens in Secrets noted on them.
func (c *controlPlane) noteTokens(ctx context.Context) *tokens.Uses {
	uses := tokens.NewUses(clock.RealClock{}, func(ctx context.Context, secret types.NamespacedName, day string) error {
		writer, err := c.inProcess.Client(identity.Server(), nil)
		if err != nil {
			return err
		}
		body := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, tokens.LastUsed, day)
		stored := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secret.Namespace, Name: secret.Name}}
		return client.IgnoreNotFound(writer.Patch(ctx, stored, client.RawPatch(types.MergePatchType, []byte(body))))
	})
	c.run("noting of tokens", func() error { return uses.Run(ctx) })
	return uses
}
