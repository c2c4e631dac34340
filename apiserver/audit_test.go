package apiserver

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// memory is a Sink that keeps what it is given.
type memory struct {
	mu     sync.Mutex
	events []auditv1.Event
}

func (m *memory) Write(event *auditv1.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, *event)
}

// take returns the events so far, one line each, and forgets them.
func (m *memory) take(t *testing.T) string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for _, event := range m.events {
		event.AuditID, event.SourceIPs, event.UserAgent = "", nil, ""
		line, err := json.Marshal(struct {
			Stage    auditv1.Stage
			Verb     string
			User     string
			Ref      *auditv1.ObjectReference `json:",omitempty"`
			Code     int32                    `json:",omitempty"`
			Reason   metav1.StatusReason      `json:",omitempty"`
			Request  *runtime.Unknown         `json:",omitempty"`
			Response any                      `json:",omitempty"`
		}{event.Stage, event.Verb, event.User.Username, event.ObjectRef, code(event.ResponseStatus), reason(event.ResponseStatus), event.RequestObject, kindOf(event.ResponseObject != nil)})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	m.events = nil
	return strings.Join(lines, "\n")
}

func kindOf(there bool) any {
	if there {
		return "an object"
	}
	return nil
}

func code(status *metav1.Status) int32 {
	if status == nil {
		return 0
	}
	return status.Code
}

func reason(status *metav1.Status) metav1.StatusReason {
	if status == nil {
		return ""
	}
	return status.Reason
}

// audited is a server that records secrets' metadata, config maps' requests, and everything else in full.
func audited(t *testing.T) (*testServer, *memory) {
	t.Helper()
	sink := &memory{}
	policy := &auditv1.Policy{
		OmitStages: []auditv1.Stage{auditv1.StageRequestReceived},
		Rules: []auditv1.PolicyRule{
			{Level: auditv1.LevelNone, Verbs: []string{"watch"}, Resources: []auditv1.GroupResources{{Resources: []string{"events"}}}},
			{Level: auditv1.LevelMetadata, Resources: []auditv1.GroupResources{{Resources: []string{"secrets"}}}},
			{Level: auditv1.LevelRequest, Resources: []auditv1.GroupResources{{Resources: []string{"configmaps"}}}},
			{Level: auditv1.LevelNone, NonResourceURLs: []string{"/healthz*"}},
			{Level: auditv1.LevelRequestResponse},
		},
	}
	return newServer(t, func(s *Server) {
		s.Audit = &audit.Log{Policy: policy, Sinks: []audit.Sink{sink}, Clock: clocktesting.NewFakePassiveClock(time.Unix(1000, 0))}
	}), sink
}

func TestAuditRecordsWhatThePolicySays(t *testing.T) {
	ts, sink := audited(t)
	for name, test := range map[string]struct {
		do   func()
		want string
	}{
		"metadata": {
			func() {
				ts.post("/api/v1/namespaces/default/secrets", `{"metadata":{"name":"s"},"stringData":{"password":"hidden"}}`).wants(201)
			},
			`{"Stage":"ResponseComplete","Verb":"create","User":"admin","Ref":{"resource":"secrets","namespace":"default","name":"s","apiVersion":"v1"},"Code":201}`,
		},
		"request": {
			func() { ts.post("/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"c"}}`).wants(201) },
			`{"Stage":"ResponseComplete","Verb":"create","User":"admin","Ref":{"resource":"configmaps","namespace":"default","name":"c","apiVersion":"v1"},"Code":201,"Request":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"}}}`,
		},
		"protobuf": {
			func() {
				object := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "p"}}
				data, err := codec.Encode(object, codec.Protobuf)
				if err != nil {
					t.Fatal(err)
				}
				ts.do(http.MethodPost, "/api/v1/namespaces/default/configmaps", string(data), "Content-Type", codec.Protobuf.String()).wants(201)
			},
			`{"Stage":"ResponseComplete","Verb":"create","User":"admin","Ref":{"resource":"configmaps","namespace":"default","name":"p","apiVersion":"v1"},"Code":201,"Request":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"p"}}}`,
		},
		"everything": {
			func() { ts.get("/api/v1/nodes").wants(200) },
			`{"Stage":"ResponseComplete","Verb":"list","User":"admin","Ref":{"resource":"nodes","apiVersion":"v1"},"Code":200,"Response":"an object"}`,
		},
		"refused": {
			func() { ts.get("/api/v1/namespaces/default/pods/none").wants(404) },
			`{"Stage":"ResponseComplete","Verb":"get","User":"admin","Ref":{"resource":"pods","namespace":"default","name":"none","apiVersion":"v1"},"Code":404,"Reason":"NotFound","Response":"an object"}`,
		},
		"no resource": {
			func() { ts.get("/version").wants(200) },
			`{"Stage":"ResponseComplete","Verb":"get","User":"admin","Code":200}`,
		},
		"nothing": {func() { ts.get("/healthz/ping").wants(200) }, ""},
		"watch": {
			func() { ts.get("/api/v1/namespaces/default/secrets?watch=1&timeoutSeconds=1").wants(200) },
			`{"Stage":"ResponseStarted","Verb":"watch","User":"admin","Ref":{"resource":"secrets","namespace":"default","apiVersion":"v1"},"Code":200}
{"Stage":"ResponseComplete","Verb":"watch","User":"admin","Ref":{"resource":"secrets","namespace":"default","apiVersion":"v1"},"Code":200}`,
		},
	} {
		test.do()
		if diff := cmp.Diff(test.want, sink.take(t)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestAuditBodyThatIsNoObject(t *testing.T) {
	ts, sink := audited(t)
	ts.post("/api/v1/namespaces/default/configmaps", `{"metadata":`).wants(400)
	want := `{"Stage":"ResponseComplete","Verb":"create","User":"admin","Ref":{"resource":"configmaps","namespace":"default","apiVersion":"v1"},"Code":400,"Reason":"BadRequest"}`
	if diff := cmp.Diff(want, sink.take(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := ts.server.Audit.JSON(codec.Protobuf.String(), []byte("k8s\x00nonsense")); err == nil {
		t.Error("nonsense was read as protobuf")
	}
}

// requestsOf returns the objects that were recorded of what clients sent, one line each.
func (m *memory) requestsOf() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for _, event := range m.events {
		line := "nothing"
		if event.RequestObject != nil {
			line = string(event.RequestObject.Raw)
		}
		if event.ObjectRef != nil {
			line = event.ObjectRef.Name + ": " + line
		}
		lines = append(lines, line)
	}
	m.events = nil
	return strings.Join(lines, "\n")
}

// What is recorded of a request is what the server made of it, as upstream does: with its kind and defaults, without what is unknown. What could not be
// made anything of is not recorded, nor does the event name an object by it.
func TestAuditShowsWhatWasDecoded(t *testing.T) {
	const configMaps, replicaSets = "/api/v1/namespaces/default/configmaps", "/apis/apps/v1/namespaces/default/replicasets"
	ts, sink := audited(t)
	ts.post("/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"c"}}`).wants(201)
	ts.post(replicaSets, `{"metadata":{"name":"r"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`).wants(201)
	sink.take(t)
	for name, test := range map[string]struct {
		do   func()
		want string
	}{
		"unknown fields": {func() { ts.post(configMaps, `{"metadata":{"name":"u"},"nonsense":1}`).wants(201) }, `u: {"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"u"}}`},
		"refused for them": {func() {
			ts.post(configMaps+"?fieldValidation=Strict", `{"metadata":{"name":"v"},"nonsense":1}`).wants(400)
		}, `: nothing`},
		"another kind": {func() { ts.post(configMaps, `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"v"}}`).wants(400) }, `: nothing`},
		"defaults": {
			func() {
				ts.post("/api/v1/namespaces/default/services", `{"metadata":{"name":"s"},"spec":{"type":"ExternalName","externalName":"x.example.com"}}`).wants(201)
			},
			`s: {"kind":"Service","apiVersion":"v1","metadata":{"name":"s"},"spec":{"type":"ExternalName","sessionAffinity":"None","externalName":"x.example.com"},"status":{"loadBalancer":{}}}`,
		},
		"update":   {func() { ts.put(configMaps+"/c", `{"metadata":{"name":"c"},"data":{"a":"b"}}`).wants(200) }, `c: {"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"},"data":{"a":"b"}}`},
		"patch":    {func() { ts.patch("application/merge-patch+json", configMaps+"/c", `{"data":{"c":"d"}}`).wants(200) }, `c: {"data":{"c":"d"}}`},
		"no patch": {func() { ts.patch("application/merge-patch+json", configMaps+"/c", `{"data":`).wants(400) }, `c: nothing`},
		"in YAML": {func() {
			ts.patch("application/apply-patch+yaml", configMaps+"/c?fieldManager=m", "{apiVersion: v1, kind: ConfigMap}").wants(415)
		}, `c: {"apiVersion":"v1","kind":"ConfigMap"}`},
		"scale":     {func() { ts.put(replicaSets+"/r/scale", `{"metadata":{"name":"r"},"spec":{"replicas":2}}`).wants(200) }, `r: {"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"r"},"spec":{"replicas":2},"status":{"replicas":0}}`},
		"deleted":   {func() { ts.delete(configMaps+"/none", `{"gracePeriodSeconds":0}`).wants(404) }, `none: {"kind":"DeleteOptions","apiVersion":"meta.k8s.io/v1","gracePeriodSeconds":0}`},
		"no body":   {func() { ts.delete(configMaps+"/none", "").wants(404) }, `none: nothing`},
		"discovery": {func() { ts.get("/apis/apps").wants(200) }, `nothing`},
	} {
		test.do()
		if diff := cmp.Diff(test.want, sink.requestsOf()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// Who asks with a time that is none is refused before it is asked who that is, and recorded once.
func TestAuditRecordsRefusedTimes(t *testing.T) {
	ts, sink := audited(t)
	ts.get("/api/v1/nodes?timeout=soon").wants(400)
	ts.get("/api/v1/nodes?timeout=1ns").wants(504)
	want := `{"Stage":"ResponseStarted","Verb":"list","User":"admin","Ref":{"resource":"nodes","apiVersion":"v1"},"Code":400,"Reason":"BadRequest","Response":"an object"}
{"Stage":"ResponseStarted","Verb":"list","User":"admin","Ref":{"resource":"nodes","apiVersion":"v1"},"Code":504,"Reason":"Timeout","Response":"an object"}`
	if diff := cmp.Diff(want, sink.take(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAuditSaysWhatIsDeprecated(t *testing.T) {
	ts, sink := audited(t)
	ts.get("/api/v1/namespaces/default/endpoints").wants(200)
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if got := sink.events[0].Annotations["k8s.io/deprecated"]; got != "true" {
		t.Errorf("annotations %v", sink.events[0].Annotations)
	}
}

// Documents of discovery are objects, and recorded like those of resources. These are short: the event is there when their answer is.
func TestAuditRecordsDiscovery(t *testing.T) {
	ts, sink := audited(t)
	for _, path := range []string{"/api", "/apis/apps", "/apis/scheduling.k8s.io/v1"} {
		ts.get(path).wants(200)
		want := `{"Stage":"ResponseComplete","Verb":"get","User":"admin","Code":200,"Response":"an object"}`
		if diff := cmp.Diff(want, sink.take(t)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
}

// What can only be read is refused to those who would write, as upstream does.
func TestDocumentsAreReadOnly(t *testing.T) {
	ts := newServer(t)
	for _, path := range []string{"/version", "/api", "/api/v1", "/apis/apps/v1"} {
		for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodOptions} {
			ts.do(method, path, "").wants(405)
		}
	}
	ts.do(http.MethodPost, "/apis", "").wants(200)
	ts.do(http.MethodPost, "/apis/apps", "").wants(200)
}
