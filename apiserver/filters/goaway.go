package filters

import (
	"math/rand/v2"
	"net/http"
)

// goaway sends one of many HTTP/2 clients to connect anew, so that behind a load balancer none stays at one server for ever. What is
// under way on the connection is finished.
func (c *Chain) goaway(next http.Handler) http.Handler {
	if c.GoawayChance <= 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && rand.Float64() < c.GoawayChance {
			w.Header().Set("Connection", "close") // which apiserver/h2 turns into the frame
		}
		next.ServeHTTP(w, r)
	})
}
