package filters

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// The steps write into a copy of the request, and an answer's headers are its own: the next request finds neither changed.
func TestRequestsAndAnswersAreTheirOwn(t *testing.T) {
	c := &Chain{
		Authenticator: knows(&user.DefaultInfo{Name: "u"}), RequestTimeout: time.Minute, Refuse: unauthorized,
		Metrics: metrics.New(version.Info{}), Names: func(*request.Info) metrics.Names { return metrics.Names{} },
		Impersonate: func(*http.Request, user.Info) (user.Info, error) { return &user.DefaultInfo{Name: "other"}, nil },
	}
	handler := c.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, ok := auth.UserFrom(r.Context()); !ok || u.GetName() != "other" {
			t.Errorf("%s came to its end as %v", r.URL, u)
		}
		if _, bounded := r.Context().Deadline(); bounded == request.From(r.Context()).LongRunning() {
			t.Errorf("%s has a deadline: %t", r.URL, bounded)
		}
		w.Header().Add("Cache-Control", "no-store")
	}))
	for _, url := range []string{"/api/v1/pods", "/api/v1/pods?watch=1", "/api/v1/pods"} {
		ctx, end := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		end()
		if r.Context() != ctx {
			t.Errorf("%s: the caller's request has another context", url)
		}
		if diff := cmp.Diff([]string{"no-cache, private", "no-store"}, w.Header().Values("Cache-Control")); diff != "" {
			t.Errorf("%s: %s", url, diff)
		}
	}
}
