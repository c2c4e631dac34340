package filters

import (
	"bufio"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// Headers of answers, in their canonical form.
const (
	schemaHeader = "X-Kubernetes-Pf-Flowschema-Uid"
	levelHeader  = "X-Kubernetes-Pf-Prioritylevel-Uid"
)

// share has requests wait for their turn, or bounds their number where flow control is off. What a request needs of this very server
// while it is answered, like the charge of a quota, has its turn with it.
func (c *Chain) share(next http.Handler) http.Handler {
	if c.Flows == nil {
		return c.limit(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := request.From(r.Context())
		if info.LongRunning() && info.Verb != "watch" || info.Nested {
			next.ServeHTTP(w, r) // who waited for what another seat's owner wants could wait for ever
			return
		}
		caller, ok := auth.UserFrom(r.Context())
		if !ok {
			caller = nobody
		}
		began := time.Now()
		flow := c.Flows.Classify(info, caller)
		header := w.Header()
		header[schemaHeader], header[levelHeader] = flow.SchemaUID(), flow.LevelUID()
		ticket, ok := flow.Enter(r.Context())
		if !ok {
			tooMany(w)
			return
		}
		if waited := ticket.Waited(); waited > 0 {
			recorderOf(w).waited = waited
			audit.Spent(r.Context(), audit.QueueWait, began)
		}
		if info.Verb != "watch" {
			defer flow.Leave(ticket)
			next.ServeHTTP(w, r)
			return
		}
		// A watch costs what it takes to begin; then it costs as much as happens.
		begun := &beginning{ResponseWriter: w, done: sync.OnceFunc(func() { flow.Leave(ticket) })}
		defer begun.done()
		next.ServeHTTP(begun, r)
	})
}

var nobody user.Info = &user.DefaultInfo{Name: user.Anonymous, Groups: []string{user.AllUnauthenticated}}

func tooMany(w http.ResponseWriter) {
	recorderOf(w).refused = true
	w.Header().Set("Retry-After", "1")
	http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
}

// beginning calls done when the answer begins.
type beginning struct {
	http.ResponseWriter
	done func()
}

// WriteHeader implements http.ResponseWriter.
func (b *beginning) WriteHeader(code int) {
	b.done()
	b.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController flush and hijack.
func (b *beginning) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// Hijack implements http.Hijacker.
func (b *beginning) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	b.done()
	return http.NewResponseController(b.ResponseWriter).Hijack()
}

// Flush implements http.Flusher.
func (b *beginning) Flush() {
	_ = http.NewResponseController(b.ResponseWriter).Flush() // a writer that cannot flush delivers at its end
}
