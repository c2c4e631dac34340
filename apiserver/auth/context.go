package auth

import (
	"context"

	"k8s.io/apiserver/pkg/authentication/user"
)

type userKey struct{}

// WithUser returns a context that says who is calling. A caller in the process sets it on its requests
// and is believed; a request from the network starts with an empty context and cannot.
func WithUser(ctx context.Context, u user.Info) context.Context {
	return context.WithValue(ctx, userKey{}, u)
}

// UserFrom returns the identity that WithUser or the authentication of a request put there.
func UserFrom(ctx context.Context) (user.Info, bool) {
	u, ok := ctx.Value(userKey{}).(user.Info)
	return u, ok
}
