package filters

import (
	"net/http"
	"slices"
	"strings"

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
		if c.Audit != nil {
			carry(c.Audit.Arrive(r.Context()), r)
		}
		response, ok, err := authenticator.AuthenticateRequest(r)
		ok = ok && err == nil
		if r.ProtoMajor == 2 && (!ok || stranger(response.User)) {
			w.Header().Set("Connection", "close") // many streams at once are for those who are known
		}
		if !ok {
			if err != nil {
				logr.FromContextOrDiscard(r.Context()).V(1).Info("request refused", "reason", err.Error(), "path", r.URL.Path)
			}
			c.refuseStranger(w, r, apierrors.NewUnauthorized("Unauthorized"))
			return
		}
		c.FrontProxy.forget(r.Header)
		carry(auth.WithUser(r.Context(), response.User), r)
		next.ServeHTTP(w, r)
	})
}

// stranger says that anybody could have made the request.
func stranger(caller user.Info) bool {
	return caller.GetName() == user.Anonymous || slices.Contains(caller.GetGroups(), user.AllUnauthenticated)
}

// Headers are headers by their names, and by how their names begin.
type Headers struct{ Names, Prefixes []string }

// forget takes credentials out of a request whose caller is known, so that nobody forwards them: what is given as a token, and what
// front proxies, these and those that go by the usual names, say of whom they speak for.
func (h Headers) forget(header http.Header) {
	auth.ForgetTokens(header)
	for _, name := range []string{"X-Remote-User", "X-Remote-Uid", "X-Remote-Group"} {
		delete(header, name)
	}
	for _, name := range h.Names {
		header.Del(name)
	}
	for key := range header {
		if begins(key, "X-Remote-Extra-") || slices.ContainsFunc(h.Prefixes, func(prefix string) bool { return begins(key, prefix) }) {
			delete(header, key)
		}
	}
}

func begins(key, prefix string) bool {
	return len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix)
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
			w.Header().Set("X-Content-Type-Options", "nosniff")
			c.Refuse(w, r, err)
			return
		}
		if as != caller {
			audit.Impersonate(r.Context(), as)
			carry(auth.WithUser(r.Context(), as), r)
		}
		next.ServeHTTP(w, r)
	})
}
