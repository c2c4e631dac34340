package serving

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNeighbours(t *testing.T) {
	port := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte("all is well"))
	}))
	defer port.Close()
	well := Neighbour{Port: port.Listener.Addr().(*net.TCPAddr).Port}
	if message, err := well.Check(t.Context()); message != "all is well" || err != nil {
		t.Errorf("%q %v", message, err)
	}
	port.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	if _, err := well.Check(t.Context()); err == nil || err.Error() != "HTTP probe failed with statuscode: 500" {
		t.Errorf("one that is not well: %v", err)
	}
	gone := Neighbour{Port: 1} // nobody listens there, whoever else takes ports
	if _, err := gone.Check(t.Context()); err == nil || !strings.HasPrefix(err.Error(), `Get "https://127.0.0.1:`) || !strings.HasSuffix(err.Error(), "connection refused") {
		t.Errorf("one that is not there: %v", err)
	}
}
