package filters

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// busy is a chain with one seat, for a level that takes no second request, or with a bound of one.
func busy(fair bool) *Chain {
	c := &Chain{MaxInFlight: 1, MaxMutatingInFlight: 1, Metrics: metrics.New(version.Info{})}
	if fair {
		c.Flows = &flowcontrol.Controller{Seats: 1, Clock: clock.RealClock{}}
		c.Flows.Configure(nil, nil)
	}
	return c
}

func ask(handler http.Handler, url string, nested bool, groups ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, url, nil)
	ctx := auth.WithUser(r.Context(), &user.DefaultInfo{Name: "u", Groups: append(groups, user.AllAuthenticated)})
	if nested {
		ctx = request.With(ctx, &request.Info{})
	}
	handler.ServeHTTP(w, r.WithContext(request.With(ctx, request.Parse(r))))
	return w
}

func TestBusyServerTurnsAway(t *testing.T) {
	for _, fair := range []bool{true, false} {
		const pods = "/api/v1/namespaces/a/pods/x"
		var handler http.Handler
		inside := 0
		handler = busy(fair).share(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if inside++; inside > 1 {
				return
			}
			turnedAway := ask(handler, pods, false)
			if turnedAway.Code != http.StatusTooManyRequests || turnedAway.Header().Get("Retry-After") != "1" || turnedAway.Body.String() != "Too many requests, please try again later.\n" {
				t.Errorf("fair %v: answered %d %s", fair, turnedAway.Code, turnedAway.Body)
			}
			for why, served := range map[string]*httptest.ResponseRecorder{
				"privileged": ask(handler, pods, false, user.SystemPrivilegedGroup), "nested": ask(handler, pods, true), "lasting": ask(handler, pods+"/log", false),
			} {
				if served.Code != http.StatusOK {
					t.Errorf("fair %v: what is %s is answered with %d", fair, why, served.Code)
				}
			}
		}))
		if got := ask(handler, pods, false); got.Code != http.StatusOK || (len(got.Header()[schemaHeader]) == 1) != fair {
			t.Errorf("fair %v: the first is answered with %d %v", fair, got.Code, got.Header())
		}
		if inside != 4 {
			t.Errorf("fair %v: %d were let in", fair, inside)
		}
	}
}

// A watch keeps its seat until its answer begins.
func TestWatchCostsItsBeginning(t *testing.T) {
	c := busy(true)
	var handler http.Handler
	handler = c.share(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if request.From(r.Context()).Verb != "watch" {
			return
		}
		if got := ask(handler, "/api/v1/pods", false); got.Code != http.StatusTooManyRequests {
			t.Errorf("before the watch begins a list is answered with %d", got.Code)
		}
		w.WriteHeader(http.StatusOK)
		if got := ask(handler, "/api/v1/pods", false); got.Code != http.StatusOK {
			t.Errorf("after the watch has begun a list is answered with %d", got.Code)
		}
	}))
	if got := ask(handler, "/api/v1/pods?watch=1", false); got.Code != http.StatusOK {
		t.Errorf("the watch is answered with %d", got.Code)
	}
}
