package apiserver

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/connect"
	"github.com/coxswain-k8s/coxswain/apiserver/patch"
)

// The tests of this file are named after the faults that others had.

// CVE-2019-11253: aliases that unfold without end, bodies without end, nesting without end.
func TestBombsAreRefused(t *testing.T) {
	ts := newServer(t)
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 9))
	}
	cases := map[string]struct {
		contentType, body string
		want              int
	}{
		"aliases":       {"application/yaml", bomb, 400},
		"deep json":     {"application/json", strings.Repeat(`{"data":`, 20000) + "1" + strings.Repeat("}", 20000), 400},
		"deep yaml":     {"application/yaml", "a: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000), 400},
		"large":         {"application/json", `{"metadata":{"name":"x"},"data":{"a":"` + strings.Repeat("x", call.MaxBody) + `"}}`, 413},
		"patch of many": {"application/json-patch+json", "[" + strings.Repeat(`{"op":"test","path":"/a","value":1},`, patch.MaxOperations) + `{"op":"test","path":"/a","value":1}]`, 413},
	}
	ts.post(configMaps, configMap("one")).wants(201)
	for why, c := range cases {
		start := time.Now()
		method, path := http.MethodPost, configMaps
		if strings.Contains(c.contentType, "patch") {
			method, path = http.MethodPatch, configMaps+"/one"
		}
		if got := ts.do(method, path, c.body, "Content-Type", c.contentType); got.code != c.want {
			t.Errorf("%s: got %d, want %d: %.200s", why, got.code, c.want, got.body)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s took %s", why, took)
		}
	}
}

type refuseAll struct{}

func (refuseAll) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "", nil
}

// CVE-2019-11254: who may not is told so before anything is decoded.
func TestNothingIsDecodedBeforeAuthorization(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.Authorizer = refuseAll{} })
	ts.post(configMaps, "not JSON at all").wants(403).says(`configmaps is forbidden: User \"admin\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"default\"`)
	ts.get("/metrics").wants(403).says(`forbidden: User \"admin\" cannot get path \"/metrics\"`)
}

// People who type curl read the refusals, too.
func TestRefusalsAreIndentedForPeople(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.Authorizer = refuseAll{} })
	ts.get(configMaps, "User-Agent", "curl/7.88.1").wants(403).says("\n  \"code\": 403")
}

// CVE-2020-8552: what clients invent does not become a series.
func TestMetricLabelsAreBounded(t *testing.T) {
	ts := newServer(t)
	for i := range 20 {
		ts.do(fmt.Sprintf("VERB%d", i), fmt.Sprintf("/apis/g%d/v%d/r%d/n%d/s%d?dryRun=x%d", i, i, i, i, i, i), "")
		ts.get(fmt.Sprintf("/api/v1/namespaces/default/pods/x/sub%d", i))
	}
	text := string(ts.get("/metrics").wants(200).body)
	for _, invented := range []string{"VERB", "g1", "r1", "sub1", "x1"} {
		if strings.Contains(text, `="`+invented) {
			t.Errorf("%s is a label", invented)
		}
	}
	if !strings.Contains(text, "apiserver_request_total{") {
		t.Error("requests are not counted")
	}
}

// CVE-2022-3162: no name leads from one kind to another in the store.
func TestNamesCannotLeaveTheirKind(t *testing.T) {
	ts := newServer(t)
	ts.post("/api/v1/namespaces/default/secrets", `{"metadata":{"name":"s"},"stringData":{"a":"secret"}}`).wants(201)
	for _, path := range []string{
		"/api/v1/namespaces/default/configmaps/..%2f..%2fsecrets%2fdefault%2fs", "/api/v1/namespaces/..%2fsecrets%2fdefault/configmaps/s",
		"/api/v1/namespaces/../configmaps/s", "/api/v1/namespaces/default/configmaps/%2e%2e", "/api/v1/namespaces/%2e%2e/configmaps",
	} {
		r, err := http.NewRequest(http.MethodGet, ts.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Opaque = strings.TrimPrefix(ts.url, "http:") + path
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			t.Errorf("%s was answered", path)
		}
	}
	ts.post(configMaps, `{"metadata":{"name":"../../secrets/default/s"}}`).wants(422)
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets/"}`))
	ts.get("/api/v1/configmaps?continue=" + token).wants(400)
}

// CVE-2019-11247: an object without a namespace is not found under one.
func TestClusterScopedObjectsAreNotUnderANamespace(t *testing.T) {
	ts := newServer(t)
	ts.post("/api/v1/nodes", `{"metadata":{"name":"n1"}}`).wants(201)
	ts.get("/api/v1/namespaces/default/nodes/n1").wants(404)
	ts.get("/api/v1/nodes/n1").wants(200)
}

// kubernetes #136550: the methods by which one gets into a container are all authorized as create.
func TestExecByGetIsAuthorizedAsCreate(t *testing.T) {
	var may atomic.Value
	ts := newServer(t, func(s *Server) {
		s.Authorizer = authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			if strings.Contains(may.Load().(string), a.GetVerb()) {
				return authorizer.DecisionAllow, "", nil
			}
			return authorizer.DecisionNoOpinion, "", nil
		})
	})
	for _, sub := range []string{"exec", "attach", "portforward"} {
		for allowed, want := range map[string]int{"none": 403, "get": 403, "create": 403, "get create": 404} {
			may.Store(allowed)
			if got := ts.get(podsPath + "/p/" + sub + "?command=x&stdout=1"); got.code != want {
				t.Errorf("%s by who may %s was answered with %d, not %d", sub, allowed, got.code, want)
			}
		}
	}
}

// oneKubelet answers as every node.
type oneKubelet struct{ url *url.URL }

func (k oneKubelet) Node(context.Context, string) (*connect.Kubelet, error) {
	return &connect.Kubelet{URL: k.url, Transport: &http.Transport{}}, nil
}

// A proxy passes every method on, also one that the API has no verb for.
func TestProxyPassesOptionsOn(t *testing.T) {
	ts := newServer(t)
	ts.post(podsPath, `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"a","image":"a"}]}}`).wants(201)
	if got := ts.do(http.MethodOptions, podsPath+"/p/proxy/", ""); got.code == http.StatusMethodNotAllowed {
		t.Errorf("got %d: %s", got.code, got.body)
	}
	if got := ts.do(http.MethodOptions, podsPath+"/p/status", ""); got.code != http.StatusMethodNotAllowed {
		t.Errorf("got %d: %s", got.code, got.body)
	}
}

// CVE-2018-1002105: behind an upgrade that is refused, no connection stays open for the client to use.
func TestRefusedUpgradeClosesTheConnectionBehindIt(t *testing.T) {
	second := make(chan string, 1)
	kubelet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/secret") {
			second <- r.URL.Path
		}
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer kubelet.Close()
	conn := upgrade(t, kubelet.URL)
	answer := make([]byte, 4096)
	n, _ := conn.Read(answer)
	if !strings.Contains(string(answer[:n]), "403") {
		t.Errorf("answered %s", answer[:n])
	}
	fmt.Fprintf(conn, "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case path := <-second:
		t.Errorf("the kubelet was asked for %s", path)
	case <-time.After(200 * time.Millisecond):
	}
}

// CVE-2020-8559: a kubelet cannot send the client elsewhere.
func TestRedirectsOfKubeletsAreNotFollowed(t *testing.T) {
	elsewhere := make(chan struct{}, 1)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere <- struct{}{} }))
	defer other.Close()
	kubelet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusFound)
	}))
	defer kubelet.Close()
	conn := upgrade(t, kubelet.URL)
	answer := make([]byte, 4096)
	n, _ := conn.Read(answer)
	if text := string(answer[:n]); strings.Contains(text, "Location") || strings.Contains(text, " 302 ") {
		t.Errorf("the redirect was passed on: %s", text)
	}
	select {
	case <-elsewhere:
		t.Error("the redirect was followed")
	default:
	}
}

// upgrade asks for exec in a pod whose node is the given kubelet, by hand.
func upgrade(t *testing.T, kubelet string) net.Conn {
	t.Helper()
	address, err := url.Parse(kubelet)
	if err != nil {
		t.Fatal(err)
	}
	ts := newServer(t, func(s *Server) { s.Nodes = oneKubelet{address} })
	ts.post("/api/v1/nodes", `{"metadata":{"name":"n1"}}`).wants(201)
	ts.post(podsPath, pod("p")).wants(201)
	ts.post(podsPath+"/p/binding", bindTo("p", "n1")).wants(201)
	conn, err := net.Dial("tcp", strings.TrimPrefix(ts.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "POST %s/p/exec?command=x&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n", podsPath)
	return conn
}

// Who sends too much is told so, and not cut off while still writing.
func TestTooLargeIsAnswered(t *testing.T) {
	ts := newServer(t)
	body := `{"metadata":{"name":"x"},"data":{"a":"` + strings.Repeat("x", call.MaxBody) + `"}}`
	for range 30 {
		ts.post(configMaps, body).wants(413).says("limit is 3145728")
	}
}

// A body whose rest does not come is the request's end in time, not a bad body.
func TestABodyThatDoesNotComeTimesOut(t *testing.T) {
	ts := newServer(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(ts.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "POST %s?timeout=100ms HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{", configMaps)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusGatewayTimeout || !strings.Contains(string(text), "request did not complete within the allotted timeout") {
		t.Errorf("answered with %d %s and %v", response.StatusCode, text, err)
	}
}
