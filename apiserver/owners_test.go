package apiserver

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

func TestOwnersAreNamedOnce(t *testing.T) {
	const (
		a = `{"apiVersion":"v1","kind":"Secret","name":"a","uid":"u1"}`
		b = `{"apiVersion":"v1","kind":"Secret","name":"b","uid":"u2"}`
		// Another owner, though its UID is the same.
		other = `{"apiVersion":"v1","kind":"Secret","name":"c","uid":"u1"}`
	)
	ts := newServer(t, func(s *Server) { s.FieldManager = fieldmanager.New(apis.NewScheme()) })
	owned := func(owners ...string) string {
		return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one","ownerReferences":[` + strings.Join(owners, ",") + `]}}`
	}
	cases := []struct {
		why  string
		send func() *answered
		kept int
		warn string
	}{
		{"create", func() *answered { return ts.post(configMaps, owned(b, a, b, a, b)) }, 2, "entries; API server dedups owner references in 1.20+, " +
			"and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u2, u1, u2"},
		{"update", func() *answered { return ts.do(http.MethodPut, configMaps+"/one", owned(a, a)) }, 1, "entries; API server"},
		{"patch", func() *answered { return ts.patch(mergePatch, configMaps+"/one", owned(b, a, b)) }, 2,
			"entries after mutating admission happens; API server dedups"},
		{"different owners", func() *answered { return ts.do(http.MethodPut, configMaps+"/one", owned(a, other)) }, 2, ""},
	}
	for _, c := range cases {
		t.Run(c.why, func(t *testing.T) {
			got := c.send()
			if owners := got.object().GetOwnerReferences(); len(owners) != c.kept {
				t.Errorf("%d owners, want %d: %v", len(owners), c.kept, owners)
			}
			if warning := got.header.Get("Warning"); (c.warn == "") != (warning == "") || !strings.Contains(warning, c.warn) {
				t.Errorf("warning %q, want %q", warning, c.warn)
			}
		})
	}
}
