package h2

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
)

// TestSpecification has h2spec say what it thinks, where H2SPEC names its program:
//
//	GOBIN=$PWD/build/tools go install github.com/summerwind/h2spec/cmd/h2spec@latest
//	H2SPEC=$PWD/build/tools/h2spec go test -run TestSpecification -v ./apiserver/h2
func TestSpecification(t *testing.T) {
	program := os.Getenv("H2SPEC")
	if program == "" {
		t.Skip("H2SPEC names no program")
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "hello")
	}
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		host, port, err := net.SplitHostPort(server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), program, "-h", host, "-p", port, "-t", "-k", "generic", "http2", "hpack").CombinedOutput()
		if err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		t.Logf("%s", out[max(0, len(out)-200):])
	})
}
