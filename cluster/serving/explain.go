package serving

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler"
)

// ExplainPath is what the scheduler's explanations are served below, as ExplainPath + NAMESPACE + "/pods/" + NAME: who may read
// such a path (nonResourceURLs in RBAC, of one namespace or all) is told what keeps a pod from each node.
const ExplainPath = "/debug/scheduler/namespaces/"

// Explainer answers for the scheduler while one runs in this process.
type Explainer struct {
	scheduler atomic.Pointer[scheduler.Scheduler]
}

// Use has the scheduler answer from now on; nil is none.
func (e *Explainer) Use(runs *scheduler.Scheduler) { e.scheduler.Store(runs) }

// ServeHTTP implements http.Handler.
func (e *Explainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	namespace, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, ExplainPath), "/")
	name, ok := strings.CutPrefix(rest, "pods/")
	if !ok || r.Method != http.MethodGet || strings.Contains(name, "/") {
		http.NotFound(w, r)
		return
	}
	runs := e.scheduler.Load()
	if runs == nil {
		http.Error(w, "no scheduler runs in this server", http.StatusServiceUnavailable)
		return
	}
	answer, err := runs.Explain(r.Context(), client.ObjectKey{Namespace: namespace, Name: name})
	switch {
	case apierrors.IsNotFound(err):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case errors.Is(err, scheduler.ErrNotRunning):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	data, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}
