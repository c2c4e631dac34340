package auth

import (
	"errors"
	"net/http"
	"slices"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
)

// ErrInvalidToken says that a bearer token was given and nobody accepted it.
var ErrInvalidToken = errors.New("invalid bearer token")

// Authenticator asks its parts in turn and takes the first that recognizes the request:
// the context of a caller in the process, a front proxy, a client certificate, a bearer token.
// A request that gives no credentials is anonymous; one that gives wrong ones is refused.
type Authenticator struct {
	// Requests are asked in order; an authenticator that finds no credentials of its kind returns false.
	Requests []authenticator.Request
	// Anonymous lets requests without credentials in as system:anonymous.
	Anonymous bool
	// AnonymousPaths are the only ones where it does; none means all.
	AnonymousPaths []string
}

var _ authenticator.Request = &Authenticator{}

// AuthenticateRequest implements authenticator.Request.
func (a *Authenticator) AuthenticateRequest(req *http.Request) (*authenticator.Response, bool, error) {
	if u, ok := UserFrom(req.Context()); ok {
		return &authenticator.Response{User: u}, true, nil
	}
	var errs []error
	for _, next := range a.Requests {
		response, ok, err := next.AuthenticateRequest(req)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if ok {
			known := *response // which a memory of answers may share with other requests
			known.User = Authenticated(response.User)
			return &known, true, nil
		}
	}
	if len(errs) > 0 || !a.Anonymous || len(a.AnonymousPaths) > 0 && !slices.Contains(a.AnonymousPaths, req.URL.Path) {
		return nil, false, errors.Join(errs...)
	}
	return &authenticator.Response{User: &user.DefaultInfo{
		Name: user.Anonymous, Groups: []string{user.AllUnauthenticated},
	}}, true, nil
}

// Authenticated adds the group of all who proved who they are.
func Authenticated(u user.Info) user.Info {
	groups := u.GetGroups()
	if u.GetName() == user.Anonymous || slices.Contains(groups, user.AllAuthenticated) || slices.Contains(groups, user.AllUnauthenticated) {
		return u
	}
	return &user.DefaultInfo{
		Name: u.GetName(), UID: u.GetUID(), Extra: u.GetExtra(),
		Groups: append(slices.Clone(groups), user.AllAuthenticated),
	}
}
