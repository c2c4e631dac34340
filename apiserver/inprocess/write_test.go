package inprocess

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func send(ctx context.Context, t *testing.T, handler http.HandlerFunc, method, path string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://memory"+path, strings.NewReader("sent"))
	if err != nil {
		t.Fatal(err)
	}
	return (&Transport{Handler: handler}).RoundTrip(r)
}

func TestWritesAreAnsweredWhole(t *testing.T) {
	response, err := send(t.Context(), t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Here", "yes")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(w, r.Body)
	}, http.MethodPost, "/api/v1/pods")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "sent" || response.StatusCode != http.StatusCreated || response.ContentLength != 4 || response.Header.Get("X-Here") != "yes" {
		t.Errorf("%d %q %v: %v", response.StatusCode, body, response.Header, err)
	}
}

func TestWriteThatIsAborted(t *testing.T) {
	response, err := send(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic(http.ErrAbortHandler)
	}, http.MethodPatch, "/api/v1/pods")
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); string(body) != "half" || !errors.Is(err, http.ErrAbortHandler) {
		t.Errorf("%q, %v", body, err)
	}
}

func TestWriteThatNobodyWaitsFor(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	if _, err := send(ctx, t, func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
	}, http.MethodDelete, "/api/v1/pods"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What connects to a container answers while it lasts.
func TestConnectionsStream(t *testing.T) {
	done := make(chan struct{})
	response, err := send(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "begun")
		<-done
	}, http.MethodPost, "/api/v1/namespaces/shop/pods/web/exec")
	if err != nil {
		t.Fatal(err)
	}
	begun := make([]byte, 5)
	if _, err := io.ReadFull(response.Body, begun); err != nil || string(begun) != "begun" {
		t.Errorf("%q, %v", begun, err)
	}
	close(done)
	if _, err := io.ReadAll(response.Body); err != nil {
		t.Error(err)
	}
}

// What connects is told by its subresource; objects may have any name.
func TestObjectsAreNamedLikeSubresources(t *testing.T) {
	for path, want := range map[string]bool{
		"/api/v1/namespaces/default/pods/proxy-x":                        true,
		"/api/v1/namespaces/exec/pods/exec":                              true,
		"/api/v1/namespaces/proxy":                                       true,
		"/api/v1/namespaces/proxy/status":                                true,
		"/apis/apps/v1/namespaces/attach/deployments/attach":             true,
		"/apis/apps/v1/namespaces/attach/deployments/portforward/status": true,
		"/api/v1/nodes/proxy":                                            true,
		"/api/v1/nodes/n/proxy":                                          false,
		"/api/v1/nodes/n/proxy/run":                                      false,
		"/api/v1/namespaces/default/pods/p/exec":                         false,
		"/api/v1/namespaces/default/pods/p/attach":                       false,
		"/api/v1/namespaces/default/pods/p/portforward":                  false,
		"/api/v1/namespaces/default/services/s/proxy/":                   false,
	} {
		if got := isWrite(httptest.NewRequest(http.MethodPost, path, http.NoBody)); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}
