package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"

func load(t *testing.T, text string) (*auditv1.Policy, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return LoadPolicy(path)
}

func TestPolicyIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		head + "rules: []":                                                              "loaded illegal policy with 0 rules",
		"apiVersion: v1\nkind: Pod":                                                     "it is a Pod of v1, want a Policy of audit.k8s.io/v1",
		head + "rules: [{level: Some}]":                                                 `rules[0].level: Unsupported value: "Some": supported values: "Metadata", "None", "Request", "RequestResponse"`,
		head + "rules: [{users: [a]}]":                                                  "rules[0].level: Required value",
		head + "rules: [{level: None, nonsense: 1}]":                                    `unknown field "nonsense"`,
		head + "rules: [{level: None}]\nomitStages: [Never]":                            `omitStages[0]: Invalid value: "Never": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic`,
		head + "rules: [{level: None, nonResourceURLs: [/a], namespaces: [b]}]":         "rules cannot apply to both regular resources and non-resource URLs",
		head + "rules: [{level: None, nonResourceURLs: [/a/*/b]}]":                      "non-resource URL wildcards '*' must be the final character of the rule",
		head + "rules: [{level: None, nonResourceURLs: [a]}]":                           "non-resource URL rules must begin with a '/' character",
		head + "rules: [{level: None, resources: [{group: \"\", resourceNames: [a]}]}]": "using resourceNames requires at least one resource",
		head + "rules: [{level: None, resources: [{group: A_B}]}]":                      `rules[0].resources[0].group: Invalid value: "A_B"`,
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nerror %v\nwant  %s", text, err, want)
		}
	}
}

func TestFirstRuleThatMatchesDecides(t *testing.T) {
	policy, err := load(t, head+`
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {level: None, users: [system:kube-proxy], verbs: [watch]}
- {level: Metadata, userGroups: [admins], resources: [{group: "", resources: [secrets, pods/log, "services/*"]}], omitStages: [ResponseStarted]}
- {level: Request, resources: [{group: apps, resources: ["*/scale"]}], namespaces: [kube-system]}
- {level: RequestResponse, resources: [{group: "", resources: [configmaps], resourceNames: [one]}], omitManagedFields: false}
- {level: Metadata, nonResourceURLs: ["/healthz*", /version]}
- {level: Request, namespaces: [""]}
`)
	if err != nil {
		t.Fatal(err)
	}
	admin := &user.DefaultInfo{Name: "a", Groups: []string{"admins"}}
	for name, test := range map[string]struct {
		a    authorizer.AttributesRecord
		want string
	}{
		"user and verb":   {authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "system:kube-proxy"}, Verb: "watch", ResourceRequest: true, Resource: "nodes"}, "None"},
		"group":           {authorizer.AttributesRecord{User: admin, ResourceRequest: true, Resource: "secrets"}, "Metadata"},
		"subresource":     {authorizer.AttributesRecord{User: admin, ResourceRequest: true, Resource: "pods", Subresource: "log"}, "Metadata"},
		"any subresource": {authorizer.AttributesRecord{User: admin, ResourceRequest: true, Resource: "services", Subresource: "proxy"}, "Metadata"},
		"the main one":    {authorizer.AttributesRecord{User: admin, ResourceRequest: true, Resource: "pods", Namespace: "a"}, "None"},
		"any scale":       {authorizer.AttributesRecord{ResourceRequest: true, APIGroup: "apps", Resource: "deployments", Subresource: "scale", Namespace: "kube-system"}, "Request"},
		"other namespace": {authorizer.AttributesRecord{ResourceRequest: true, APIGroup: "apps", Resource: "deployments", Subresource: "scale", Namespace: "a"}, "None"},
		"name":            {authorizer.AttributesRecord{ResourceRequest: true, Resource: "configmaps", Name: "one", Namespace: "a"}, "RequestResponse managed fields"},
		"other name":      {authorizer.AttributesRecord{ResourceRequest: true, Resource: "configmaps", Name: "two", Namespace: "a"}, "None"},
		"path":            {authorizer.AttributesRecord{Path: "/healthz/etcd"}, "Metadata"},
		"other path":      {authorizer.AttributesRecord{Path: "/versions"}, "None"},
		"no namespace":    {authorizer.AttributesRecord{ResourceRequest: true, Resource: "nodes"}, "Request"},
	} {
		d := decide(policy, test.a)
		got := string(d.level)
		if d.level != auditv1.LevelNone && !d.omitManagedFields {
			got += " managed fields"
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// serve lets a handler answer one request that is recorded into a file, and returns the file's lines.
func serve(t *testing.T, policy string, r *http.Request, a authorizer.Attributes, handler http.HandlerFunc) []auditv1.Event {
	t.Helper()
	loaded, err := load(t, head+policy)
	if err != nil {
		t.Fatal(err)
	}
	file := &File{Path: filepath.Join(t.TempDir(), "audit.log"), Logger: testr.New(t)}
	if err := file.Open(); err != nil {
		t.Fatal(err)
	}
	log := &Log{Policy: loaded, Sinks: []Sink{file}, Clock: clocktesting.NewFakePassiveClock(time.Unix(1, 0)), JSON: func(_ string, body []byte) ([]byte, error) { return body, nil }}
	func() {
		defer func() { _ = recover() }()
		w := httptest.NewRecorder()
		w.Header().Set("Audit-Id", "id")
		log.Serve(w, r, handler, a, false)
	}()
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log's mode is %v (%v)", info.Mode(), err)
	}
	return read(t, file.Path)
}

func read(t *testing.T, path string) []auditv1.Event {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var events []auditv1.Event
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var event auditv1.Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatal(err)
		}
		events = append(events, event)
	}
	return events
}

func TestPanicIsRecorded(t *testing.T) {
	events := serve(t, "rules: [{level: Metadata}]", httptest.NewRequest(http.MethodGet, "/x", nil), authorizer.AttributesRecord{Verb: "get", Path: "/x"},
		func(http.ResponseWriter, *http.Request) { panic("at the disco") })
	if len(events) != 2 || events[0].Stage != auditv1.StageRequestReceived || events[1].Stage != auditv1.StagePanic {
		t.Fatalf("events %+v", events)
	}
	if got := events[1].ResponseStatus; got.Code != 500 || got.Message != "APIServer panic'd: at the disco" {
		t.Errorf("status %+v", got)
	}
}

func TestEventSaysWhoAndWhy(t *testing.T) {
	r := httptest.NewRequest(http.MethodPut, "/api/v1/namespaces/a/pods/b?x=y", strings.NewReader(`{"metadata":{"name":"b","uid":"u","managedFields":[{}],"generation":9007199254740993}}`))
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	caller := &user.DefaultInfo{Name: "anna", UID: "7", Groups: []string{"g"}, Extra: map[string][]string{"k": {"v"}}}
	a := authorizer.AttributesRecord{User: caller, Verb: "update", ResourceRequest: true, Resource: "pods", APIVersion: "v1", Namespace: "a", Name: "b"}
	events := serve(t, "omitStages: [RequestReceived]\nomitManagedFields: true\nrules: [{level: RequestResponse}]", r, a, func(w http.ResponseWriter, r *http.Request) {
		Impersonate(r.Context(), &user.DefaultInfo{Name: "bert"})
		Annotate(r.Context(), "reason", "first")
		Annotate(r.Context(), "reason", "second")
		body, _ := io.ReadAll(r.Body)
		var object metav1.PartialObjectMetadata
		_ = json.Unmarshal(body, &object)
		Sent(r.Context(), &object, func() ([]byte, error) { return body, nil })
		_, _ = w.Write([]byte(`{"items":[{"metadata":{"managedFields":[{}],"name":"b"}}],"rows":[{"object":{"metadata":{"managedFields":[{}],"name":"c"}}}]}`))
	})
	if len(events) != 1 {
		t.Fatalf("events %+v", events)
	}
	got, err := json.Marshal(events[0])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"id","stage":"ResponseComplete",` +
		`"requestURI":"/api/v1/namespaces/a/pods/b?x=y","verb":"update","user":{"username":"anna","uid":"7","groups":["g"],"extra":{"k":["v"]}},` +
		`"impersonatedUser":{"username":"bert"},"sourceIPs":["192.0.2.1"],"objectRef":{"resource":"pods","namespace":"a","name":"b","uid":"u","apiVersion":"v1"},` +
		`"responseStatus":{"metadata":{},"code":200},"requestObject":{"metadata":{"generation":9007199254740993,"name":"b","uid":"u"}},` +
		`"responseObject":{"items":[{"metadata":{"name":"b"}}],"rows":[{"object":{"metadata":{"name":"c"}}}]},"requestReceivedTimestamp":"1970-01-01T00:00:01.000000Z","stageTimestamp":"1970-01-01T00:00:01.000000Z",` +
		`"annotations":{"reason":"first"}}`
	if diff := cmp.Diff(want, strings.ReplaceAll(string(got), `"sourceIPs":["192.0.2.1","192.0.2.1"]`, `"sourceIPs":["192.0.2.1"]`)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestStagesAndStatusOfRefusals: as upstream, who is not known is recorded once; what may take long begins and ends with all that is
// said of a refusal; what is answered by a Status has that in its event; and a text that is no Status is not recorded.
func TestStagesAndStatusOfRefusals(t *testing.T) {
	const missing = `{"kind":"Status","status":"Failure","message":"gone","reason":"NotFound","code":404}`
	resource := authorizer.AttributesRecord{Verb: "delete", ResourceRequest: true, Resource: "pods", APIVersion: "v1", Name: "p"}
	for name, test := range map[string]struct {
		code   int
		body   string
		a      authorizer.Attributes
		long   bool
		nobody bool
		want   []string
	}{
		"nobody":  {401, `{"kind":"Status","status":"Failure","message":"Unauthorized","code":401}`, resource, false, true, []string{`ResponseStarted 401 Failure "Unauthorized" true`}},
		"long":    {404, missing, resource, true, false, []string{`RequestReceived`, `ResponseStarted 404 Failure "gone" true`, `ResponseComplete 404 Failure "gone" true`}},
		"goes on": {200, `{}`, resource, true, false, []string{`RequestReceived`, `ResponseStarted 200  "" false`, `ResponseComplete 200  "" false`}},
		"deleted": {200, `{"kind":"Status","status":"Success"}`, resource, false, false, []string{`RequestReceived`, `ResponseComplete 200 Success "" true`}},
		"path":    {404, "404 page not found", authorizer.AttributesRecord{Verb: "get", Path: "/x"}, false, false, []string{`RequestReceived`, `ResponseComplete 404  "" false`}},
	} {
		policy, err := load(t, head+"rules: [{level: RequestResponse}]")
		if err != nil {
			t.Fatal(err)
		}
		var got stagesSeen
		log := &Log{Policy: policy, Sinks: []Sink{&got}, Clock: clock.RealClock{}, JSON: func(_ string, body []byte) ([]byte, error) { return body, nil }}
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.code)
			_, _ = io.WriteString(w, test.body)
		})
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodDelete, "/x", nil)
		if test.nobody {
			log.Refuse(w, r, handler, test.a)
		} else {
			log.Serve(w, r, handler, test.a, test.long)
		}
		if diff := cmp.Diff(test.want, []string(got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

type stagesSeen []string

// Write implements Sink.
func (s *stagesSeen) Write(event *auditv1.Event) {
	text := string(event.Stage)
	if status := event.ResponseStatus; status != nil {
		text += fmt.Sprintf(" %d %s %q %t", status.Code, status.Status, status.Message, event.ResponseObject != nil)
	}
	*s = append(*s, text)
}

func TestWebhookIsPostedWhatHappened(t *testing.T) {
	got := make(chan auditv1.EventList, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var list auditv1.EventList
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
			t.Error(err)
		}
		got <- list
	}))
	defer receiver.Close()
	config := filepath.Join(t.TempDir(), "webhook.yaml")
	text := `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"a","cluster":{"server":"` + receiver.URL + `"}}],"contexts":[{"name":"a","context":{"cluster":"a"}}],"current-context":"a"}`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	webhook, err := NewWebhook(config, clock.RealClock{}, testr.New(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"one", "two"} {
		webhook.Write(&auditv1.Event{AuditID: "id", RequestURI: id})
	}
	ctx, end := context.WithCancel(context.Background())
	end() // what was written before the end is posted
	webhook.Run(ctx)
	list := <-got
	if list.Kind != "EventList" || len(list.Items) != 2 || list.Items[1].RequestURI != "two" {
		t.Errorf("the webhook got %+v", list)
	}
}

// Events that a sink cannot keep are counted by the sink.
func TestLostEventsAreCounted(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	file := &File{Logger: testr.New(t), out: full}
	receiver := httptest.NewServer(http.NotFoundHandler())
	defer receiver.Close()
	webhook := &Webhook{Clock: clock.RealClock{}, Logger: testr.New(t), url: receiver.URL, client: receiver.Client(), queue: make(chan auditv1.Event, 2)}
	for range 3 {
		file.Write(&auditv1.Event{})
		webhook.Write(&auditv1.Event{}) // two of which are posted in vain, and one is too much
	}
	ctx, end := context.WithCancel(context.Background())
	end()
	webhook.Run(ctx)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&Metrics{Sinks: []Sink{file, webhook}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	lost := map[string]float64{}
	for _, family := range families {
		if family.GetName() == "apiserver_audit_error_total" {
			for _, m := range family.GetMetric() {
				lost[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if lost["log"] != 3 || lost["webhook"] != 3 {
		t.Errorf("lost are %v", lost)
	}
}

// A receiver that does not answer must not keep a server from ending.
func TestEndDoesNotWaitForTheWebhook(t *testing.T) {
	arrived, never := make(chan struct{}, 1), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-never:
		case <-r.Context().Done():
		}
	}))
	defer receiver.Close()
	defer close(never)
	clk := clocktesting.NewFakeClock(time.Unix(1, 0))
	webhook := &Webhook{Clock: clk, Logger: testr.New(t), url: receiver.URL, client: receiver.Client(), queue: make(chan auditv1.Event, 1000)}
	for range cap(webhook.queue) {
		webhook.Write(&auditv1.Event{AuditID: "id"})
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); webhook.Run(ctx) }()
	<-arrived
	end()
	for !clk.HasWaiters() {
		runtime.Gosched()
	}
	clk.Step(drainPatience)
	<-done
}

func TestLargeBodiesAreNotKept(t *testing.T) {
	var kept copied
	kept.keep([]byte("abc"), 5)
	if got := kept.String(); got != "abc" {
		t.Errorf("kept %q", got)
	}
	kept.keep([]byte("def"), 5)
	kept.keep([]byte("g"), 5)
	if got := kept.String(); got != "" {
		t.Errorf("kept %q of a body that is too large", got)
	}
}

// What a sink was given for one stage stays as it was when the next one is known better.
func TestStagesShareNoReference(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/namespaces/a/pods", nil)
	loaded, err := load(t, head+"rules: [{level: Metadata}]")
	if err != nil {
		t.Fatal(err)
	}
	var events []*auditv1.Event
	log := &Log{Policy: loaded, Sinks: []Sink{sinkFunc(func(e *auditv1.Event) { events = append(events, e) })}, Clock: clock.RealClock{}, JSON: func(_ string, body []byte) ([]byte, error) { return body, nil }}
	a := authorizer.AttributesRecord{Verb: "create", ResourceRequest: true, Resource: "pods", APIVersion: "v1", Namespace: "a"}
	log.Serve(httptest.NewRecorder(), r, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		Sent(r.Context(), &metav1.ObjectMeta{Name: "b"}, nil)
	}), a, false)
	if len(events) != 2 || events[0].ObjectRef.Name != "" || events[1].ObjectRef.Name != "b" {
		t.Errorf("events refer to %+v", events)
	}
}

type sinkFunc func(*auditv1.Event)

func (f sinkFunc) Write(event *auditv1.Event) { f(event) }
