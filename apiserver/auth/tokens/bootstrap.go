package tokens

import (
	"context"
	"crypto/subtle"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"

	bootstrap "k8s.io/cluster-bootstrap/token/api"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var (
	bootstrapToken = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(bootstrap.BootstrapTokenPattern) })
	bootstrapGroup = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(bootstrap.BootstrapGroupPattern) })
)

// Bootstrap recognizes the tokens with which new nodes introduce themselves: "abcdef.0123456789abcdef",
// kept in the secret bootstrap-token-abcdef of kube-system.
type Bootstrap struct {
	Lister auth.Lister
	Clock  clock.PassiveClock
}

var _ authenticator.Token = &Bootstrap{}

// AuthenticateToken implements authenticator.Token.
func (b *Bootstrap) AuthenticateToken(_ context.Context, token string) (*authenticator.Response, bool, error) {
	parts := bootstrapToken().FindStringSubmatch(token)
	if len(parts) != 3 {
		return nil, false, nil
	}
	id := parts[1]
	secret, ok := auth.Get[*corev1.Secret](b.Lister, secrets, metav1.NamespaceSystem, bootstrap.BootstrapTokenSecretPrefix+id)
	if !ok || secret.DeletionTimestamp != nil || string(secret.Type) != string(bootstrap.SecretTypeBootstrapToken) || !b.usable(secret, id, parts[2]) {
		return nil, false, nil
	}
	groups, err := bootstrapGroups(secret)
	if err != nil {
		return nil, false, nil // a secret with wrong groups is no credential
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: bootstrap.BootstrapUserPrefix + id, Groups: groups}}, true, nil
}

func (b *Bootstrap) usable(secret *corev1.Secret, id, given string) bool {
	data := secret.Data
	if subtle.ConstantTimeCompare(data[bootstrap.BootstrapTokenSecretKey], []byte(given)) != 1 {
		return false
	}
	if string(data[bootstrap.BootstrapTokenIDKey]) != id || string(data[bootstrap.BootstrapTokenUsageAuthentication]) != "true" {
		return false
	}
	expiration := string(data[bootstrap.BootstrapTokenExpirationKey])
	if expiration == "" {
		return true
	}
	until, err := time.Parse(time.RFC3339, expiration)
	return err == nil && b.Clock.Now().Before(until)
}

func bootstrapGroups(secret *corev1.Secret) ([]string, error) {
	groups := []string{bootstrap.BootstrapDefaultGroup}
	for _, group := range strings.Split(string(secret.Data[bootstrap.BootstrapTokenExtraGroupsKey]), ",") {
		if group == "" {
			continue
		}
		if !bootstrapGroup().MatchString(group) {
			return nil, fmt.Errorf("bootstrap group %q is invalid (must match %s)", group, bootstrap.BootstrapGroupPattern)
		}
		groups = append(groups, group)
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}
