package h2

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// answered are what h2spec wants to be errors of streams, and what net/http answers with 400, as we do.
var answered = []string{
	`Sends a HEADERS frame that contains the TE header field with any value other than "trailers"`,
	"Sends a HEADERS frame that contains the connection-specific header field",
}

// TestSpecification has h2spec say what it thinks (`make h2spec`). Those of answered wait for its timeout.
func TestSpecification(t *testing.T) {
	program := os.Getenv("H2SPEC")
	if program == "" {
		t.Skip("H2SPEC names no program: make unit and make h2spec install and name it")
	}
	t.Parallel()
	server, _ := serveOurs(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "hello")
	}, nil)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	out, _ := exec.CommandContext(t.Context(), program, "-h", host, "-p", port, "-t", "-k", "-o", "8", "generic", "http2", "hpack").CombinedOutput()
	if !strings.Contains(string(out), "145 tests,") { // it ends with an error where anything differs
		t.Fatalf("h2spec says:\n%s", out)
	}
	var failed []string
	for _, line := range regexp.MustCompile(`× \d+: (.*)`).FindAllStringSubmatch(string(out), -1) {
		failed = append(failed, strings.TrimSpace(line[1]))
	}
	slices.Sort(failed)
	if diff := cmp.Diff(answered, slices.Compact(failed)); diff != "" {
		t.Errorf("differs from RFC 9113 (-known +now):\n%s\n%s", diff, out)
	}
}
