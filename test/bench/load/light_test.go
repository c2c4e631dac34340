package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// serve starts a server of HTTP/2 that wants a client certificate, and returns a configuration for it.
func serve(t *testing.T, handler http.HandlerFunc, change ...func(*httptest.Server)) *rest.Config {
	t.Helper()
	authority, err := pki.Open(t.TempDir(), "clients", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Leaf(pki.Request{Name: "client", CommonName: "bench", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(authority.CertPEM)
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	for _, change := range change {
		change(server)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{
		Insecure: true, CertData: pair.CertPEM, KeyData: pair.KeyPEM,
	}}
}

func dial(t *testing.T, config *rest.Config) *Light {
	t.Helper()
	l, err := Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// heard is what a server was asked.
type heard struct {
	mu  sync.Mutex
	all map[string]int
}

func (h *heard) note(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all[fmt.Sprintf("%s %s %s %s %s %q %d %s %v", r.Proto, r.Method, r.RequestURI, r.Header["Accept"], r.Header["Content-Type"], r.Header.Get("Accept-Encoding"), r.ContentLength, body, err)]++
}

func TestEveryCallIsMadeOnce(t *testing.T) {
	const calls = 300
	got := heard{all: map[string]int{}}
	l := dial(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		got.note(r)
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = w.Write(make([]byte, 1000))
	}))
	want := map[string]int{}
	for _, r := range []Request{
		{Method: "POST", Path: "/pods", ContentType: "text/a", Accept: "text/b", Body: Template([]byte("a ###### and ######")), Status: 201},
		{Method: "GET", Path: "/pods/pod-######?a=b", Accept: "text/b", Compression: "gzip", Status: 200},
		{Method: "PUT", Path: "/pods/pod-######", ContentType: "text/c", Accept: "text/b", Status: 200, Body: func(call int) []byte { return bytes.Repeat([]byte("x"), call%7) }},
	} {
		result, err := l.Repeat(t.Context(), 32, calls, r)
		if err != nil || len(result.Took) != calls || result.Rate == 0 || result.Took[0] <= 0 {
			t.Fatalf("%s: %v, %v", r.Method, result, err)
		}
		for i := range calls {
			path, kind, body := Numbered(r.Path, i), "[]", ""
			if r.Body != nil {
				kind, body = "["+r.ContentType+"]", string(r.Body(i))
			}
			want[fmt.Sprintf("HTTP/2.0 %s %s [%s] %s %q %d %s <nil>", r.Method, path, r.Accept, kind, r.Compression, len(body), body)]++
		}
	}
	if diff := cmp.Diff(want, got.all); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSoManyCallsAreUnderWay(t *testing.T) {
	const workers = 8
	all := make(chan struct{})
	var mu sync.Mutex
	most, now := 0, 0
	l := dial(t, serve(t, func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		if now == workers && most == workers {
			select {
			case <-all:
			default:
				close(all)
			}
		}
		mu.Unlock()
		<-all
		mu.Lock()
		now--
		mu.Unlock()
	}))
	if _, err := l.Repeat(t.Context(), workers, 10*workers, Request{Method: "GET", Path: "/", Status: 200}); err != nil {
		t.Fatal(err)
	}
	if most != workers {
		t.Errorf("%d calls at the same time", most)
	}
}

// Bodies and answers that are larger than what either side takes at once.
func TestFlowControl(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	l := dial(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(body, large) {
			http.Error(w, fmt.Sprintf("%d bytes, %v", len(body), err), http.StatusTeapot)
		}
		for range 3 {
			_, _ = w.Write(large)
		}
	}))
	if _, err := l.Repeat(t.Context(), 4, 8, Request{Method: "PUT", Path: "/", Status: 200, Body: func(int) []byte { return large }}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatEndsARun(t *testing.T) {
	wants := func(text string) func(error) bool {
		return func(err error) bool { return strings.Contains(err.Error(), text) }
	}
	fourth := func(then http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/000003" {
				then(w, r)
			}
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		change  func(*httptest.Server)
		want    func(error) bool
	}{
		"too many requests": {handler: fourth(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "wait a while", http.StatusTooManyRequests)
		}),
			want: wants("call 3 was answered with 429, not 200: wait a while")},
		"a reset": {handler: fourth(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), want: wants("call 3 was reset: INTERNAL_ERROR")},
		"a farewell": {handler: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			if r.URL.Path != "/000003" {
				<-r.Context().Done()
			}
		},
			want: wants("the server wants to close the connection: NO_ERROR")},
		"fewer streams than workers": {change: func(s *httptest.Server) { s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 4} },
			want: wants("the server takes 4 calls at the same time, not 8")},
		"a connection that ends": {handler: fourth(func(_ http.ResponseWriter, r *http.Request) {
			_ = r.Context().Value(connection{}).(io.Closer).Close()
		}), change: remembersConnections, want: func(err error) bool { return err != nil }},
	} {
		t.Run(name, func(t *testing.T) {
			changes := []func(*httptest.Server){}
			if c.change != nil {
				changes = append(changes, c.change)
			}
			if c.handler == nil {
				c.handler = func(http.ResponseWriter, *http.Request) {}
			}
			_, err := dial(t, serve(t, c.handler, changes...)).Repeat(t.Context(), 8, 100, Request{Method: "GET", Path: "/######", Status: 200})
			if err == nil || !c.want(err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := dial(t, serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	if _, err := l.Repeat(ctx, 2, 10, Request{Method: "GET", Path: "/", Status: 200}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAServerWithoutHTTP2(t *testing.T) {
	config := serve(t, func(http.ResponseWriter, *http.Request) {}, func(s *httptest.Server) { s.EnableHTTP2 = false })
	if l, err := Dial(t.Context(), config); err == nil {
		_ = l.Close()
		t.Error("it was accepted")
	}
}

// connection is the key of a request's connection.
type connection struct{}

func remembersConnections(s *httptest.Server) {
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connection{}, c) }
}
