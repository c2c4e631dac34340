package filters

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// Chain is what every request passes. Its fields are inputs, set before Wrap.
type Chain struct {
	// Authenticator says who calls. Without one, everybody in the process is who their context says, and all others are anonymous.
	Authenticator authenticator.Request
	// Authorizer says what they may do. Without one, everything.
	Authorizer authorizer.Authorizer
	// Impersonate lets a caller act as another; nil refuses nothing and does nothing.
	Impersonate Impersonator
	// Audit records requests. Without it, none is.
	Audit *audit.Log
	// Refuse answers a request that goes no further.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	// Names says under which names a request is counted: those that clients invent are left out.
	Names func(info *request.Info) metrics.Names
	// Metrics count what passes.
	Metrics *metrics.Metrics
	// Flows says when a request's turn is; nil bounds the number of requests instead.
	Flows *flowcontrol.Controller
	// RequestTimeout bounds requests that are not long-running.
	RequestTimeout time.Duration
	// MaxInFlight and MaxMutatingInFlight bound the requests that are not long-running at any one time; 0 means 400 and 200,
	// and less no bound.
	MaxInFlight, MaxMutatingInFlight int
	Logger                           logr.Logger
}

// Wrap puts the steps before a handler, from the outside in.
func (c *Chain) Wrap(next http.Handler) http.Handler {
	next = c.authorize(next)
	next = c.share(next)
	next = c.impersonate(next)
	next = c.audit(next)
	next = c.authenticate(next)
	next = c.observe(next)
	return c.enter(next)
}

// enter reads the request line, names the request, bounds its time and keeps a panic from spreading.
func (c *Chain) enter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer c.recover(w, r)
		growStack(len(r.Method))
		id := r.Header.Get("Audit-ID")
		if id == "" {
			id = string(uuid.NewUUID())
		}
		header := w.Header()
		header.Set("Audit-Id", id)
		header.Set("Cache-Control", "no-cache, private")
		info := request.Parse(r)
		ctx := warning.With(request.With(logr.NewContext(r.Context(), c.Logger), info), header)
		if !info.LongRunning() {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, c.timeout(r))
			defer cancel()
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// timeout is the server's, or a shorter one that the client asks for.
func (c *Chain) timeout(r *http.Request) time.Duration {
	if strings.Contains(r.URL.RawQuery, "timeout=") {
		if asked, err := time.ParseDuration(r.URL.Query().Get("timeout")); err == nil && asked > 0 && asked < c.RequestTimeout {
			return asked
		}
	}
	return c.RequestTimeout
}

func (c *Chain) recover(w http.ResponseWriter, r *http.Request) {
	problem := recover()
	if problem == nil {
		return
	}
	if err, ok := problem.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(problem) // net/http's own way to cut a connection
	}
	c.Logger.Error(fmt.Errorf("%v", problem), "serving a request panicked", "method", r.Method, "path", r.URL.Path, "stack", string(debug.Stack()))
	c.Metrics.Panics.Inc()
	http.Error(w, "This request caused apiserver to panic. Look in the logs for details.", http.StatusInternalServerError)
}
