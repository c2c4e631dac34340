package hooks

import (
	"net/http"
	"slices"
	"strings"
)

// group serves the versions v1 and v2 of the group aside.example.com: one object of each, what was asked of it, and odd answers.
func group(w http.ResponseWriter, r *http.Request) {
	version, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/apis/aside.example.com/"), "/")
	resource := object{"name": "things", "singularName": "thing", "namespaced": false, "kind": "Thing", "verbs": []string{"get", "list"}, "shortNames": []string{"th"}}
	switch {
	case !slices.Contains([]string{"v1", "v2"}, version):
		http.NotFound(w, r)
	case rest == "":
		send(w, http.StatusOK, object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "aside.example.com/" + version, "resources": []any{
			resource,
			object{"name": "things/scale", "singularName": "", "namespaced": false, "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": []string{"get"}},
			object{"name": "things/status", "singularName": "", "namespaced": false, "kind": "Thing", "verbs": []string{"get"}},
			object{"name": "others/approval", "singularName": "", "namespaced": true, "kind": "Approval", "verbs": []string{"update"}},
		}})
	case rest == "things/asked":
		asked := object{}
		for _, name := range []string{"X-Remote-User", "X-Remote-Group", "X-Remote-Extra-Scopes", "Accept", "Content-Type", "Authorization", "Impersonate-User", "X-Custom", "User-Agent", "Cookie"} {
			if values := r.Header.Values(name); len(values) > 0 {
				asked[name] = values
			}
		}
		send(w, http.StatusOK, object{"method": r.Method, "path": r.URL.EscapedPath(), "query": r.URL.RawQuery, "headers": asked})
	case rest == "things/elsewhere":
		http.Redirect(w, r, "https://example.com/x", http.StatusFound)
	case rest == "things/nearby":
		http.Redirect(w, r, "/apis/aside.example.com/v1/things/asked", http.StatusTemporaryRedirect)
	case rest == "things/broken":
		panic(http.ErrAbortHandler)
	case rest == "things/refused":
		http.Error(w, "not you", http.StatusForbidden)
	case rest == "things/cached":
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Retry-After", "7")
		send(w, http.StatusTooManyRequests, object{"kind": "Status"})
	default:
		send(w, http.StatusOK, object{"kind": "Thing", "apiVersion": "aside.example.com/" + version, "metadata": object{"name": strings.TrimPrefix(rest, "things/")}})
	}
}
