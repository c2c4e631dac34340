package aggregation

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

// location of a document of OpenAPI v3.
type location struct {
	URL string `json:"serverRelativeURL"`
}

// index of the documents of OpenAPI v3, by name: "apis/apps/v1".
type index struct {
	Paths map[string]location `json:"paths"`
}

const indexPath = "/openapi/v3"

// keepDocument notes where the server describes its group version. One that does not is left out of the index.
func (a *Aggregator) keepDocument(ctx context.Context, r *remote, base string) {
	data, err := a.ask(ctx, r, base+indexPath)
	if err != nil {
		return
	}
	var all index
	if json.Unmarshal(data, &all) != nil {
		return
	}
	if found, ok := all.Paths[documentOf(r)]; ok {
		r.document.Store(&found)
	}
}

func documentOf(r *remote) string { return "apis/" + r.spec.Group + "/" + r.spec.Version }

// OpenAPI adds the documents of other servers to the index of our own, which own answers, and merges them into that of v2.
func (a *Aggregator) OpenAPI(own *openapi.Documents) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == oldPath {
			own.SetExternals(a.externals(r.Context()))
		}
		if strings.TrimSuffix(r.URL.Path, "/") != indexPath || len(a.all()) == 0 {
			own.ServeHTTP(w, r)
			return
		}
		inner := r.Clone(r.Context())
		inner.Header.Del("Accept-Encoding")
		answer := &memory{header: http.Header{}}
		own.ServeHTTP(answer, inner)
		var ours index
		if json.Unmarshal(answer.body, &ours) == nil {
			maps.Copy(ours.Paths, a.documents())
			if merged, err := json.Marshal(ours); err == nil {
				answer.body = merged
			}
		}
		maps.Copy(w.Header(), answer.header)
		w.Header().Set("Content-Length", strconv.Itoa(len(answer.body)))
		if answer.code != 0 {
			w.WriteHeader(answer.code)
		}
		_, _ = w.Write(answer.body) // a client that is gone misses nothing
	})
}

// documents of the servers that are there.
func (a *Aggregator) documents() map[string]location {
	found := map[string]location{}
	for _, r := range a.all() {
		if document := r.document.Load(); document != nil && r.available.Load() {
			found[documentOf(r)] = *document
		}
	}
	return found
}

// memory is an answer that is kept.
type memory struct {
	header http.Header
	code   int
	body   []byte
}

// Header implements http.ResponseWriter.
func (m *memory) Header() http.Header { return m.header }

// WriteHeader implements http.ResponseWriter.
func (m *memory) WriteHeader(code int) { m.code = code }

// Write implements http.ResponseWriter.
func (m *memory) Write(data []byte) (int, error) {
	m.body = append(m.body, data...)
	return len(data), nil
}
