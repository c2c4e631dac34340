package filters

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
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
	// FrontProxy are the headers by which front proxies say whom they speak for, beside X-Remote-User and the like.
	FrontProxy Headers
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
	// GoawayChance is how often an HTTP/2 client is told to connect anew.
	GoawayChance float64
	// Stopping ends with the server, and with it what lasts.
	Stopping context.Context
	Logger   logr.Logger
}

// Wrap puts the steps before a handler, from the outside in.
func (c *Chain) Wrap(next http.Handler) http.Handler {
	next = c.authorize(next)
	next = c.share(next)
	next = c.impersonate(next)
	next = c.audit(next)
	next = c.authenticate(next)
	next = c.bound(next)
	next = c.observe(next)
	next = c.goaway(next)
	return c.enter(next)
}

// Headers of every answer, in their canonical form.
const (
	auditHeader = "Audit-Id"
	cacheHeader = "Cache-Control"
)

// notCached is shared by all answers: who adds to it gets a copy.
var notCached = []string{"no-cache, private"}

// enter reads the request line, names the request and keeps a panic from spreading.
func (c *Chain) enter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer c.recover(w, r)
		id := r.Header.Get(auditHeader)
		if id == "" {
			id = string(uuid.NewUUID())
		}
		header := w.Header()
		header[auditHeader], header[cacheHeader] = []string{id}, notCached
		info := request.Parse(r)
		ctx := warning.With(request.With(logr.NewContext(r.Context(), c.Logger), info), header)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// carry gives a request another context, where it is. Only a step between enter, whose copy of the request is the chain's own, and what
// answers may do so: from then on others may read it.
func carry(ctx context.Context, r *http.Request) { *r = *r.WithContext(ctx) }

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
