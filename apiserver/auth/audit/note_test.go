package audit

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	clocktesting "k8s.io/utils/clock/testing"
)

// timed serves a request that took as long before its caller was known, and as long then. It returns the keys of its annotations.
func timed(t *testing.T, before, then time.Duration, long bool) []string {
	t.Helper()
	policy, err := load(t, head+"rules: [{level: Metadata}]")
	if err != nil {
		t.Fatal(err)
	}
	var last *auditv1.Event
	clk := clocktesting.NewFakeClock(time.Unix(1, 0))
	log := &Log{Policy: policy, Clock: clk, Sinks: []Sink{sinkFunc(func(e *auditv1.Event) { last = e })}}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/pods", nil)
	r = r.WithContext(log.Arrive(r.Context()))
	clk.Step(before)
	log.Serve(httptest.NewRecorder(), r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Spent(r.Context(), Store, time.Now())
		clk.Step(then)
		_, _ = w.Write([]byte("{}"))
	}), authorizer.AttributesRecord{Verb: "create", ResourceRequest: true, Resource: "pods"}, long)
	if last.Annotations[latencyPrefix+string(Total)] == (before+then).String() && last.Annotations[latencyPrefix+string(Authentication)] != before.String() {
		t.Errorf("of %v and %v the annotations are %v", before, then, last.Annotations)
	}
	return slices.Sorted(maps.Keys(last.Annotations))
}

func TestSlowRequestsSayWhereTheirTimeWent(t *testing.T) {
	want := []string{
		"apiserver.latency.k8s.io/authentication", "apiserver.latency.k8s.io/etcd", "apiserver.latency.k8s.io/response-write", "apiserver.latency.k8s.io/total",
	}
	if diff := cmp.Diff(want, timed(t, 200*time.Millisecond, 301*time.Millisecond, false)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := timed(t, 200*time.Millisecond, 300*time.Millisecond, false); got != nil {
		t.Errorf("a request that was not slow says %v", got)
	}
	if got := timed(t, 0, time.Minute, true); got != nil {
		t.Errorf("a request that lasts says %v", got)
	}
}

// Of an answer of another server only the code is recorded, and of its refusal nothing that it says.
func TestForwardedAnswersAreNotRecorded(t *testing.T) {
	for _, code := range []int{http.StatusOK, http.StatusNotFound} {
		a := authorizer.AttributesRecord{Verb: "delete", ResourceRequest: true, Resource: "things", Name: "t"}
		events := serve(t, "omitStages: [RequestReceived]\nrules: [{level: RequestResponse}]", httptest.NewRequest(http.MethodDelete, "/x", nil), a, func(w http.ResponseWriter, r *http.Request) {
			Forwarded(r.Context())
			w.WriteHeader(code)
			_, _ = w.Write([]byte(`{"kind":"Status","status":"Failure","message":"gone"}`))
		})
		if len(events) != 1 || events[0].ResponseObject != nil || int(events[0].ResponseStatus.Code) != code || events[0].ResponseStatus.Message != "" {
			t.Errorf("%d: events %+v", code, events)
		}
	}
}

// What a webhook patches is as much of the object as the object is.
func TestAnnotationsOfObjectsNeedTheLevelOfObjects(t *testing.T) {
	for level, want := range map[string]string{"Metadata": "", "Request": "patch"} {
		a := authorizer.AttributesRecord{Verb: "create", ResourceRequest: true, Resource: "pods"}
		events := serve(t, "rules: [{level: "+level+"}]", httptest.NewRequest(http.MethodPost, "/x", nil), a, func(_ http.ResponseWriter, r *http.Request) {
			AnnotateRequest(r.Context(), "key", func() string { return "patch" })
			AnnotateRequest(context.Background(), "key", func() string { t.Error("asked for the patch of a request that nobody records"); return "" })
		})
		if got := events[1].Annotations["key"]; got != want {
			t.Errorf("%s: %q, want %q", level, got, want)
		}
	}
}
