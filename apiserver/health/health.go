package health

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Check is a named part of /healthz, /livez and /readyz.
type Check struct {
	Name  string
	Check func(ctx context.Context) error
	// ReadyOnly checks do not count for /livez: the server is alive though not ready.
	ReadyOnly bool
}

// IsPath says whether a path is one of health.
func IsPath(p string) bool {
	for _, root := range []string{"/healthz", "/livez", "/readyz"} {
		if p == root || strings.HasPrefix(p, root+"/") {
			return true
		}
	}
	return false
}

// Serve answers a path of health.
func Serve(w http.ResponseWriter, r *http.Request, p string, checks []Check) {
	root, name, one := strings.Cut(p[1:], "/")
	if one {
		serveCheck(w, r, root, name, checks)
		return
	}
	excluded := r.URL.Query()["exclude"]
	var text strings.Builder
	failed := false
	for _, check := range checks {
		if root == "livez" && check.ReadyOnly {
			continue
		}
		switch {
		case slices.Contains(excluded, check.Name):
			fmt.Fprintf(&text, "[+]%s excluded: ok\n", check.Name)
		case check.Check(r.Context()) != nil:
			failed = true
			fmt.Fprintf(&text, "[-]%s failed: reason withheld\n", check.Name)
		default:
			fmt.Fprintf(&text, "[+]%s ok\n", check.Name)
		}
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, verbose := r.URL.Query()["verbose"]
	switch {
	case failed:
		http.Error(w, text.String()+root+" check failed", http.StatusInternalServerError)
	case verbose:
		fmt.Fprintf(w, "%s%s check passed\n", text.String(), root)
	default:
		fmt.Fprint(w, "ok")
	}
}

func serveCheck(w http.ResponseWriter, r *http.Request, root, name string, checks []Check) {
	for _, check := range checks {
		if check.Name != name || root == "livez" && check.ReadyOnly {
			continue
		}
		if err := check.Check(r.Context()); err != nil {
			http.Error(w, fmt.Sprintf("internal server error: %v", err), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, "ok")
		return
	}
	http.Error(w, "404 page not found", http.StatusNotFound)
}
