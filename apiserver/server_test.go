package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// testServer is a server on a real etcd, reached over a socket.
type testServer struct {
	t      *testing.T
	server *Server
	url    string
	as     user.Info
	// handler is what the socket leads to.
	handler http.Handler
}

func newServer(t *testing.T, change ...func(*Server)) *testServer {
	t.Helper()
	ctx, cancel := context.WithCancel(logr.NewContext(context.Background(), testr.New(t)))
	member, err := etcd.Embed(ctx, etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Rows: apis.All(), Scheme: apis.NewScheme(), Store: member, Cache: cache.New(member), Clock: clock.RealClock{}}
	for _, f := range change {
		f(s)
	}
	handler, err := s.Handler(ctx)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Cache.Run(ctx)
	}()
	ts := &testServer{t: t, server: s, as: &user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}}}
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(auth.WithUser(r.Context(), ts.as)))
	}))
	ts.url, ts.handler = listening.URL, listening.Config.Handler
	t.Cleanup(func() {
		cancel()
		listening.CloseClientConnections()
		listening.Close()
		<-done
		_ = member.Close()
	})
	select {
	case <-s.Cache.Ready():
	case <-time.After(time.Minute):
		t.Fatal("the cache did not load")
	}
	return ts
}

// answered is what came back.
type answered struct {
	t      *testing.T
	code   int
	header http.Header
	body   []byte
}

func (ts *testServer) do(method, path, body string, header ...string) *answered {
	ts.t.Helper()
	r, err := http.NewRequest(method, ts.url+path, strings.NewReader(body))
	if err != nil {
		ts.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		ts.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		ts.t.Fatal(err)
	}
	return &answered{t: ts.t, code: response.StatusCode, header: response.Header, body: data}
}

func (ts *testServer) get(path string, header ...string) *answered {
	ts.t.Helper()
	return ts.do(http.MethodGet, path, "", header...)
}

func (ts *testServer) post(path, body string) *answered {
	ts.t.Helper()
	return ts.do(http.MethodPost, path, body)
}

func (ts *testServer) put(path, body string) *answered {
	ts.t.Helper()
	return ts.do(http.MethodPut, path, body)
}

func (ts *testServer) patch(kind, path, body string) *answered {
	ts.t.Helper()
	return ts.do(http.MethodPatch, path, body, "Content-Type", kind)
}

func (ts *testServer) delete(path, body string) *answered {
	ts.t.Helper()
	return ts.do(http.MethodDelete, path, body)
}

// wants fails unless the answer has the code.
func (a *answered) wants(code int) *answered {
	a.t.Helper()
	if a.code != code {
		a.t.Fatalf("got %d, want %d: %s", a.code, code, a.body)
	}
	return a
}

// says fails unless the body contains the text.
func (a *answered) says(text string) *answered {
	a.t.Helper()
	if !bytes.Contains(a.body, []byte(text)) {
		a.t.Fatalf("answer lacks %q: %s", text, a.body)
	}
	return a
}

func (a *answered) object() *unstructured.Unstructured {
	a.t.Helper()
	obj := &unstructured.Unstructured{}
	if err := json.Unmarshal(a.body, &obj.Object); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	return obj
}

func (a *answered) status() *metav1.Status {
	a.t.Helper()
	status := &metav1.Status{}
	if err := json.Unmarshal(a.body, status); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	return status
}

func configMap(name string) string {
	return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"` + name + `"},"data":{"a":"1"}}`
}

const (
	configMaps = "/api/v1/namespaces/default/configmaps"
	mergePatch = "application/merge-patch+json"
)

func TestCreateGetUpdateDelete(t *testing.T) {
	ts := newServer(t)
	created := ts.post(configMaps, configMap("one")).wants(201).object()
	if created.GetUID() == "" || created.GetResourceVersion() == "" || created.GetNamespace() != "default" {
		t.Fatalf("metadata is not complete: %v", created)
	}
	ts.get(configMaps + "/one").wants(200).says(`"data":{"a":"1"}`)
	ts.post(configMaps, configMap("one")).wants(409).says(`configmaps \"one\" already exists`)

	unstructured.SetNestedField(created.Object, "2", "data", "a")
	changed, _ := created.MarshalJSON()
	updated := ts.put(configMaps+"/one", string(changed)).wants(200).object()
	if updated.GetResourceVersion() == created.GetResourceVersion() {
		t.Error("resourceVersion did not change")
	}
	ts.put(configMaps+"/one", string(changed)).wants(409).says("the object has been modified; please apply your changes to the latest version and try again")
	same, _ := updated.MarshalJSON()
	if again := ts.put(configMaps+"/one", string(same)).wants(200).object(); again.GetResourceVersion() != updated.GetResourceVersion() {
		t.Error("an update that changes nothing changed the resourceVersion")
	}
	ts.delete(configMaps+"/one", "").wants(200).says(`"status":"Success"`)
	ts.get(configMaps + "/one").wants(404).says(`configmaps \"one\" not found`)
}

// A review has no metadata to be shown as anything but itself, nor has a token.
func TestReviewsAreNoTables(t *testing.T) {
	ts := newServer(t)
	for _, accept := range []string{"application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"} {
		ts.do(http.MethodPost, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", `{"spec":{}}`, "Accept", accept).wants(http.StatusNotAcceptable)
		ts.do(http.MethodPost, "/api/v1/namespaces/default/serviceaccounts/default/token", `{"spec":{}}`, "Accept", accept).wants(http.StatusNotAcceptable)
	}
}
