package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
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
