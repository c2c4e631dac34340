package filters

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// lastWords is how long a request may take after its time to say so.
const lastWords = 2 * time.Second

// bound gives a request its time. Those that last have none, but end with the server; a watch says goodbye then, and is left to, but
// its answer must begin in time.
func (c *Chain) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := request.From(r.Context())
		if info.LongRunning() {
			if info.Verb == "watch" {
				c.begin(w, r, next)
				return
			}
			if c.Stopping != nil {
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				defer context.AfterFunc(c.Stopping, cancel)()
				carry(ctx, r)
			}
			next.ServeHTTP(w, r)
			return
		}
		timeout, err := c.timeout(r)
		if err != nil {
			c.refuseStranger(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		if ctx.Err() != nil { // nothing can be done in no time
			c.refuseStranger(w, r, apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0))
			return
		}
		carry(ctx, r)
		hurry(w, r, next)
	})
}

// hurry has who waits for the client, for the rest of a body or for room for the answer, wait no longer than the request lasts. This
// also holds for what the library does for a request after its handler; the next one on the connection starts with no deadlines.
func hurry(w http.ResponseWriter, r *http.Request, next http.Handler) {
	deadline, _ := r.Context().Deadline()
	client := http.NewResponseController(w) // one in the process has no deadlines, and its context ends what it waits for
	if r.ContentLength != 0 {
		_ = client.SetReadDeadline(deadline.Add(lastWords / 20)) // the context says first that the time is up
	}
	_ = client.SetWriteDeadline(deadline.Add(lastWords))
	next.ServeHTTP(w, r)
}

// begin bounds how long a watch takes to begin its answer: until then it has its seats.
func (c *Chain) begin(w http.ResponseWriter, r *http.Request, next http.Handler) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	late := time.AfterFunc(c.RequestTimeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	carry(ctx, r)
	next.ServeHTTP(&beginning{ResponseWriter: w, done: func() { late.Stop() }}, r)
}

// timeout is the server's, or a shorter one that the client asks for.
func (c *Chain) timeout(r *http.Request) (time.Duration, error) {
	if !strings.Contains(r.URL.RawQuery, "timeout=") {
		return c.RequestTimeout, nil
	}
	text := r.URL.Query().Get("timeout")
	if text == "" {
		return c.RequestTimeout, nil
	}
	asked, err := time.ParseDuration(text)
	if err != nil {
		return 0, apierrors.NewBadRequest(fmt.Sprintf("invalid timeout specified in the request URL - %v", err))
	}
	if asked <= 0 || asked > c.RequestTimeout {
		return c.RequestTimeout, nil
	}
	return asked, nil
}
