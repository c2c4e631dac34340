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

// bound gives a request its time. Those that last have none, but end with the server; a watch says goodbye then, and is left to.
func (c *Chain) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := request.From(r.Context())
		if info.LongRunning() {
			if info.Verb != "watch" && c.Stopping != nil {
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				defer context.AfterFunc(c.Stopping, cancel)()
				r = r.WithContext(ctx)
			}
			next.ServeHTTP(w, r)
			return
		}
		timeout, err := c.timeout(r)
		if err != nil {
			c.Refuse(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		if ctx.Err() != nil { // nothing can be done in no time
			c.Refuse(w, r, apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0))
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
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
