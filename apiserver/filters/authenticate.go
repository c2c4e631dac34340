package filters

import (
	"net/http"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
)

// Impersonator returns the identity that the request asks to act as, or the caller's own, or a Status that refuses.
// It takes the headers of the impersonation out of the request.
type Impersonator func(r *http.Request, caller user.Info) (user.Info, error)

// authenticate finds out who calls.
func (c *Chain) authenticate(next http.Handler) http.Handler {
	authenticator := c.Authenticator
	if authenticator == nil {
		authenticator = &auth.Authenticator{Anonymous: true}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response, ok, err := authenticator.AuthenticateRequest(r)
		if err != nil || !ok {
			if err != nil {
				logr.FromContextOrDiscard(r.Context()).V(1).Info("request refused", "reason", err.Error(), "path", r.URL.Path)
			}
			c.Refuse(w, r, apierrors.NewUnauthorized("Unauthorized"))
			return
		}
		next.ServeHTTP(w, r.WithContext(auth.WithUser(r.Context(), response.User)))
	})
}

// impersonate lets the caller act as another.
func (c *Chain) impersonate(next http.Handler) http.Handler {
	if c.Impersonate == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := auth.UserFrom(r.Context())
		as, err := c.Impersonate(r, caller)
		if err != nil {
			c.Refuse(w, r, err)
			return
		}
		if as != caller {
			audit.Impersonate(r.Context(), as)
			r = r.WithContext(auth.WithUser(r.Context(), as))
		}
		next.ServeHTTP(w, r)
	})
}
