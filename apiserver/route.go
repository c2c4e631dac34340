package apiserver

import (
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/apiserver/answer"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/discovery"
	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol"
	"github.com/coxswain-k8s/coxswain/apiserver/health"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// Aggregation is what other servers answer for.
type Aggregation interface {
	// Serve answers a request that is another server's, and returns false for one that is not.
	Serve(w http.ResponseWriter, r *http.Request) bool
	Discovered() []discovery.External
}

// route sends an authorized request to what answers it.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	info := request.From(r.Context())
	if s.Aggregation != nil && s.Aggregation.Serve(w, r) {
		return
	}
	if info.IsResource {
		s.serveResource(w, r, info)
		return
	}
	p := strings.TrimSuffix(info.Path, "/")
	if r.Method != http.MethodGet && s.isDocument(p) {
		s.media().Refuse(w, r, refusal.Method())
		return
	}
	switch {
	case p == "" || p == "/":
		s.serveIndex(w)
	case p == "/version":
		s.serveVersion(w, r)
	case p == "/metrics":
		s.metrics.Handler(s.Gatherers...).ServeHTTP(w, r)
	case p == "/metrics/slis":
		s.serveChecks(w, r)
	case p == "/api", p == "/apis", strings.HasPrefix(p, "/api/"), strings.HasPrefix(p, "/apis/"):
		s.serveDiscovery(w, r, p)
	case health.IsPath(p):
		root, _, _ := strings.Cut(p[1:], "/")
		health.Serve(w, r, p, s.observed(root))
	case s.Flows != nil && strings.HasPrefix(p, flowcontrol.DumpPath):
		s.Flows.Dump(w, r)
	case strings.HasPrefix(p, "/openapi/") && s.OpenAPI != nil:
		s.OpenAPI.ServeHTTP(w, r)
	default:
		s.serveOther(w, r)
	}
}

// isDocument says whether a path is one that can only be read. Upstream leaves the lists of groups and of a group's versions to any method.
func (s *Server) isDocument(p string) bool {
	switch p {
	case "/version", "/api", "/api/v1", tokens.ConfigurationPath, tokens.KeysPath:
		return true
	}
	parts := strings.Split(strings.Trim(p, "/"), "/")
	return len(parts) == 3 && parts[0] == "apis" && s.Now().Groups[parts[1]]
}

// serveOther looks for the longest of the further paths.
func (s *Server) serveOther(w http.ResponseWriter, r *http.Request) {
	for p := r.URL.Path; p != "/" && p != "."; p = path.Dir(strings.TrimSuffix(p, "/")) {
		if handler := s.Paths[p]; handler != nil && p == r.URL.Path {
			handler.ServeHTTP(w, r)
			return
		}
		if handler := s.Paths[strings.TrimSuffix(p, "/")+"/"]; handler != nil {
			handler.ServeHTTP(w, r)
			return
		}
	}
	http.Error(w, "404 page not found", http.StatusNotFound)
}

func (s *Server) serveDiscovery(w http.ResponseWriter, r *http.Request, p string) {
	document := discovery.New(s.Now().Rows)
	document.CBOR = s.CBOR
	if s.Aggregation != nil {
		document.External = s.Aggregation.Discovered()
	}
	found, ok := document.Answer(p, r)
	switch parts := strings.Split(strings.Trim(p, "/"), "/"); {
	case ok:
	case parts[0] == "api" && len(parts) == 2, len(parts) == 3 && s.Now().Groups[parts[1]]: // another version of what there is
		s.media().Refuse(w, r, refusal.NoSuchPath())
		return
	default:
		answer.NoPage(w)
		return
	}
	audit.Described(r.Context())
	found.Write(w, r, answer.WantsPretty(r))
}

// serveIndex lists the paths.
func (s *Server) serveIndex(w http.ResponseWriter) {
	paths := map[string]bool{"/api": true, "/apis": true, "/healthz": true, "/livez": true, "/readyz": true, "/metrics": true, "/metrics/slis": true, "/version": true}
	for group := range s.Now().Groups {
		if group != "" && !strings.HasPrefix(group, "/") {
			paths["/apis/"+group] = true
		}
	}
	for _, check := range s.checks() {
		for _, root := range []string{"/healthz/", "/livez/", "/readyz/"} {
			paths[root+check.Name] = true
		}
	}
	paths["/api/v1"] = true
	if s.OpenAPI != nil {
		paths["/openapi/v2"], paths["/openapi/v3"] = true, true
	}
	for p := range s.Paths {
		if !strings.HasPrefix(p, "/debug/") {
			paths[p] = true
		}
	}
	data, err := json.MarshalIndent(map[string]any{"paths": slices.Sorted(maps.Keys(paths))}, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer.WriteBody(w, codec.Accepted{}, http.StatusOK, data)
}
