package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

type infoKey struct{}

func infoFrom(ctx context.Context) *request.Info {
	info, _ := ctx.Value(infoKey{}).(*request.Info)
	if info == nil {
		return &request.Info{}
	}
	return info
}

func userFrom(ctx context.Context) (user.Info, bool) { return auth.UserFrom(ctx) }

// Impersonator returns the identity that the request asks to act as, or the caller's own, or a Status that refuses.
// It takes the headers of the impersonation out of the request.
type Impersonator func(r *http.Request, caller user.Info) (user.Info, error)

// filters wraps the way of every request, from the outside in.
func (s *Server) filters(next http.Handler) http.Handler {
	next = s.authorize(next)
	next = s.limit(next)
	next = s.impersonate(next)
	next = s.audit(next)
	next = s.authenticate(next)
	next = s.observe(next)
	return s.enter(next)
}

// enter reads the request line, names the request, bounds its time and keeps a panic from spreading.
func (s *Server) enter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recover(w, r)
		id := r.Header.Get("Audit-ID")
		if id == "" {
			id = string(uuid.NewUUID())
		}
		header := w.Header()
		header.Set("Audit-Id", id)
		header.Set("Cache-Control", "no-cache, private")
		info := request.Parse(r)
		ctx := withWarnings(context.WithValue(logr.NewContext(r.Context(), s.logger), infoKey{}, info), header)
		if !info.LongRunning() {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.timeout(r))
			defer cancel()
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// timeout is the server's, or a shorter one that the client asks for.
func (s *Server) timeout(r *http.Request) time.Duration {
	if strings.Contains(r.URL.RawQuery, "timeout=") {
		if asked, err := time.ParseDuration(r.URL.Query().Get("timeout")); err == nil && asked > 0 && asked < s.RequestTimeout {
			return asked
		}
	}
	return s.RequestTimeout
}

func (s *Server) recover(w http.ResponseWriter, r *http.Request) {
	problem := recover()
	if problem == nil {
		return
	}
	if err, ok := problem.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(problem) // net/http's own way to cut a connection
	}
	s.logger.Error(fmt.Errorf("%v", problem), "serving a request panicked", "method", r.Method, "path", r.URL.Path, "stack", string(debug.Stack()))
	s.metrics.panics.Inc()
	http.Error(w, "This request caused apiserver to panic. Look in the logs for details.", http.StatusInternalServerError)
}

// authenticate finds out who calls.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.caller(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(auth.WithUser(r.Context(), caller)))
	})
}

// impersonate lets the caller act as another.
func (s *Server) impersonate(next http.Handler) http.Handler {
	if s.Impersonate == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := userFrom(r.Context())
		as, err := s.Impersonate(r, caller)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		if as != caller {
			audit.Impersonate(r.Context(), as)
			r = r.WithContext(auth.WithUser(r.Context(), as))
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) caller(r *http.Request) (user.Info, error) {
	authenticator := s.Authenticator
	if authenticator == nil {
		authenticator = &auth.Authenticator{Anonymous: true}
	}
	response, ok, err := authenticator.AuthenticateRequest(r)
	if err != nil || !ok {
		if err != nil {
			logr.FromContextOrDiscard(r.Context()).V(1).Info("request refused", "reason", err.Error(), "path", r.URL.Path)
		}
		return nil, apierrors.NewUnauthorized("Unauthorized")
	}
	return response.User, nil
}

// refuse answers before any verb is reached.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	accepted, ok := codec.Negotiate(r.Header.Get("Accept"), func(codec.Accepted) bool { return true })
	if !ok {
		accepted = codec.Accepted{}
	}
	accepted.Pretty = accepted.Pretty || wantsPretty(r)
	writeStatus(w, accepted, statusOf(err))
}

// authorize asks whether they may.
func (s *Server) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.allowed(r.Context(), attributesOf(r)); err != nil {
			s.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) allowed(ctx context.Context, attributes authorizer.Attributes) error {
	if s.Authorizer == nil {
		return nil
	}
	decision, reason, err := s.Authorizer.Authorize(ctx, attributes)
	if decision == authorizer.DecisionAllow {
		audit.Annotate(ctx, "authorization.k8s.io/decision", "allow")
		audit.Annotate(ctx, "authorization.k8s.io/reason", reason)
		return nil
	}
	audit.Annotate(ctx, "authorization.k8s.io/decision", "forbid")
	audit.Annotate(ctx, "authorization.k8s.io/reason", reason)
	if err != nil {
		logr.FromContextOrDiscard(ctx).V(1).Info("authorizing failed", "reason", err.Error())
	}
	return auth.Forbidden(attributes, reason)
}

// mayCreate asks whether a caller of another verb may create as well.
func (c *call) mayCreate() error {
	attributes := attributesOf(c.r)
	attributes.Verb = "create"
	return c.allowed(c.ctx(), attributes)
}

// attributesOf is what the authorizer is asked about.
func attributesOf(r *http.Request) authorizer.AttributesRecord {
	info := infoFrom(r.Context())
	caller, _ := userFrom(r.Context())
	a := authorizer.AttributesRecord{
		User: caller, Verb: info.Verb, Namespace: info.Namespace, APIGroup: info.Group, APIVersion: info.Version,
		Resource: info.Resource, Subresource: info.Subresource, Name: info.Name, ResourceRequest: info.IsResource, Path: info.Path,
	}
	if info.IsResource && connects(info) {
		a.Verb = "create" // also when a browser can only GET
	}
	addSelectors(&a, info)
	return a
}

// connects are the paths by which one gets into a container: asking for them is authorized as create, whatever the method.
func connects(info *request.Info) bool {
	return info.Group == "" && info.Resource == "pods" && info.Verb == "get" && slices.Contains([]string{"exec", "attach", "portforward"}, info.Subresource)
}

// limit bounds how many requests are under way.
func (s *Server) limit(next http.Handler) http.Handler {
	reading := &gate{most: int64(orDefault(s.MaxInFlight, 400))}
	writing := &gate{most: int64(orDefault(s.MaxMutatingInFlight, 200))}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := infoFrom(r.Context())
		if info.LongRunning() {
			next.ServeHTTP(w, r)
			return
		}
		g := reading
		if !slices.Contains([]string{"get", "list", "watch"}, info.Verb) {
			g = writing
		}
		if !g.enter() && !exempt(r.Context()) {
			g.leave()
			s.metrics.rejected.Inc()
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
			return
		}
		defer g.leave()
		next.ServeHTTP(w, r)
	})
}

// exempt callers are never turned away.
func exempt(ctx context.Context) bool {
	caller, ok := userFrom(ctx)
	return ok && slices.Contains(caller.GetGroups(), user.SystemPrivilegedGroup)
}

// gate counts who is inside.
type gate struct {
	inside atomic.Int64
	most   int64
}

func (g *gate) enter() bool { return g.inside.Add(1) <= g.most }
func (g *gate) leave()      { g.inside.Add(-1) }

func orDefault(value, otherwise int) int {
	if value > 0 {
		return value
	}
	return otherwise
}
