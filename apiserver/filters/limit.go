package filters

import (
	"context"
	"math"
	"net/http"
	"slices"
	"sync/atomic"

	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// limit bounds how many requests are under way, all alike: what there is without flow control.
func (c *Chain) limit(next http.Handler) http.Handler {
	reading := &gate{most: int64(orDefault(c.MaxInFlight, 400))}
	writing := &gate{most: int64(orDefault(c.MaxMutatingInFlight, 200))}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := request.From(r.Context())
		if info.LongRunning() || info.Nested {
			next.ServeHTTP(w, r)
			return
		}
		g := reading
		if !reads(info) {
			g = writing
		}
		if !g.enter() && !exempt(r.Context()) {
			g.leave()
			tooMany(w)
			return
		}
		defer g.leave()
		next.ServeHTTP(w, r)
	})
}

// exempt callers are never turned away.
func exempt(ctx context.Context) bool {
	caller, ok := auth.UserFrom(ctx)
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
	switch {
	case value == 0:
		return otherwise
	case value < 0:
		return math.MaxInt
	}
	return value
}
