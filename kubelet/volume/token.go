package volume

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// maxTokenAge is when a token is replaced even if it is valid for longer.
	maxTokenAge = 24 * time.Hour
	// tokenJitter keeps the tokens of many pods from being replaced at the same moment.
	tokenJitter = 10 * time.Second
)

type tokenKey struct{ volume, path string }

type token struct {
	value string
	due   time.Time
}

// token returns the pod's token for the projection, asking for a new one when the last is due.
func (s setter) token(ctx context.Context, volume string, source *corev1.ServiceAccountTokenProjection) (string, error) {
	key := tokenKey{volume, source.Path}
	if have, ok := s.state.tokens[key]; ok && s.clock().Now().Before(have.due) {
		return have.value, nil
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: source.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: s.pod.Name, UID: s.pod.UID},
	}}
	if source.Audience != "" {
		request.Spec.Audiences = []string{source.Audience}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.pod.Namespace, Name: s.pod.Spec.ServiceAccountName}}
	asked := s.clock().Now()
	if err := s.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("failed to fetch token: %w", err)
	}
	s.state.tokens[key] = token{value: request.Status.Token, due: tokenDue(asked, request)}
	return request.Status.Token, nil
}

// tokenDue is when 80% of the token's life, or a day, has passed.
func tokenDue(asked time.Time, request *authenticationv1.TokenRequest) time.Time {
	expires := request.Status.ExpirationTimestamp.Time
	lifetime := expires.Sub(asked)
	if request.Spec.ExpirationSeconds != nil {
		lifetime = time.Duration(*request.Spec.ExpirationSeconds) * time.Second
	}
	due := expires.Add(-lifetime / 5)
	if oldest := asked.Add(maxTokenAge); oldest.Before(due) {
		due = oldest
	}
	return due.Add(-rand.N(tokenJitter))
}
