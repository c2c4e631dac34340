package webhook_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/admissiontest"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
)

// annotations is a sink that keeps those of webhooks of the last event.
type annotations struct {
	mu   sync.Mutex
	last []string
}

// Write implements audit.Sink.
func (a *annotations) Write(event *auditv1.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = nil
	for _, key := range slices.Sorted(maps.Keys(event.Annotations)) {
		if strings.Contains(key, ".webhook.admission.k8s.io/") {
			a.last = append(a.last, key+" "+event.Annotations[key])
		}
	}
}

// TestAnnotationsOfWebhooks: an event says of each mutating webhook whether it patched the object, also of one that refused or failed, and
// by which patch; validating ones are counted among those that were asked. Upstream's server annotates the same.
func TestAnnotationsOfWebhooks(t *testing.T) {
	if admissiontest.Recording() {
		t.Skip("needs a server that tells its audit log")
	}
	sink := &annotations{}
	s := admissiontest.StartWith(t, admissiontest.Options{Audit: &audit.Log{
		Policy: &auditv1.Policy{Rules: []auditv1.PolicyRule{{Level: auditv1.LevelRequest}}}, Clock: clock.RealClock{}, Sinks: []audit.Sink{sink},
	}})
	failing := func(w http.ResponseWriter) { http.Error(w, "no", http.StatusInternalServerError) }
	ignored, elsewhere := with("failurePolicy", "Ignore"), with("rules", rules("*", "", "v1", "secrets"))
	const said = `{"configuration":"test","webhook":"b.example.com","mutated":`
	for _, c := range []struct {
		name, kind string
		reply      any
		change     func(object)
		want       []string
	}{
		{"nothing new", mutating, patch(`[{"op":"replace","path":"/data/a","value":"b"}]`), ignored, []string{
			"mutation.webhook.admission.k8s.io/round_0_index_1 " + said + "true}",
			`patch.webhook.admission.k8s.io/round_0_index_1 {"configuration":"test","webhook":"b.example.com","patch":[{"op":"replace","path":"/data/a","value":"b"}],"patchType":"JSONPatch"}`,
		}},
		{"denied", mutating, object{"allowed": false}, ignored, []string{"mutation.webhook.admission.k8s.io/round_0_index_1 " + said + "false}"}},
		{"failed", mutating, failing, ignored, []string{
			"failed-open.mutation.webhook.admission.k8s.io/round_0_index_1 b.example.com", "mutation.webhook.admission.k8s.io/round_0_index_1 " + said + "false}",
		}},
		{"failed closed", mutating, failing, with("failurePolicy", "Fail"), []string{"mutation.webhook.admission.k8s.io/round_0_index_1 " + said + "false}"}},
		{"validating", validating, failing, ignored, []string{"failed-open.validating.webhook.admission.k8s.io/round_0_index_0 b.example.com"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHookServer(t)
			h.reply = func(string, object) any { return c.reply }
			h.configure(t, s, c.kind, h.webhook("/a", elsewhere), h.webhook("/b", c.change))
			s.Do("POST", configMaps+"?dryRun=All", configMap)
			sink.mu.Lock()
			defer sink.mu.Unlock()
			if diff := cmp.Diff(c.want, sink.last); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
