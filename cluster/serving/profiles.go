package serving

import (
	"maps"
	"net/http"
	"net/http/pprof"
)

// WithProfiles adds what `go tool pprof` reads, for whoever may read /debug/pprof. A profile is made while it is asked for;
// otherwise this costs nothing.
func WithProfiles(paths map[string]http.Handler) map[string]http.Handler {
	all := maps.Clone(paths)
	if all == nil {
		all = map[string]http.Handler{}
	}
	all["/debug/pprof"] = http.RedirectHandler("/debug/pprof/", http.StatusMovedPermanently)
	all["/debug/pprof/"] = http.HandlerFunc(pprof.Index)
	all["/debug/pprof/profile"] = http.HandlerFunc(pprof.Profile)
	all["/debug/pprof/symbol"] = http.HandlerFunc(pprof.Symbol)
	all["/debug/pprof/trace"] = http.HandlerFunc(pprof.Trace)
	return all
}
