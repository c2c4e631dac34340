package aggregation_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/aggregation"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/cacheview"
	"github.com/coxswain-k8s/coxswain/apiserver/inprocess"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// cluster is an API server with an aggregator.
type cluster struct {
	t      *testing.T
	url    string
	caller user.Info
}

func start(t *testing.T) *cluster {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	member, err := etcd.Embed(ctx, etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	rows, scheme := apis.All(), apis.NewScheme()
	s := &apiserver.Server{Rows: rows, Scheme: scheme, Store: member, Cache: cache.New(member), Clock: clock.RealClock{}}
	view := cacheview.New(s.Cache, rows)
	var handler http.Handler
	aggregator := &aggregation.Aggregator{
		Lister: view, Follow: view.Follow, Resolver: &webhookclient.Services{Lister: view}, Clock: clock.RealClock{},
		Writer: func() (client.Client, error) {
			transport := &inprocess.Transport{Handler: handler, User: &user.DefaultInfo{Name: "aggregator"}}
			mapper := meta.NewDefaultRESTMapper(nil)
			mapper.Add(schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService"}, meta.RESTScopeRoot)
			return client.New(&rest.Config{Host: "http://test", Transport: transport}, client.Options{Scheme: scheme, Mapper: mapper, HTTPClient: &http.Client{Transport: transport}})
		},
	}
	s.Aggregation = aggregator
	s.OpenAPI = aggregator.OpenAPI(openapi.New(rows, "v1.36.0"))
	if handler, err = s.Handler(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 2)
	go func() { _ = s.Cache.Run(ctx); done <- struct{}{} }()
	go func() { _ = aggregator.Run(ctx); done <- struct{}{} }()
	<-s.Cache.Ready()
	c := &cluster{t: t, caller: &user.DefaultInfo{Name: "jane", UID: "7", Groups: []string{"a", "b"}, Extra: map[string][]string{"example.com/key": {"v"}}}}
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(auth.WithUser(r.Context(), c.caller)))
	}))
	c.url = listening.URL
	t.Cleanup(func() {
		cancel()
		listening.CloseClientConnections()
		listening.Close()
		<-done
		<-done
		_ = member.Close()
	})
	return c
}

func (c *cluster) do(method, path, body string, header ...string) (int, string) {
	c.t.Helper()
	r, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(data)
}

func (c *cluster) create(path, body string) {
	c.t.Helper()
	if code, answer := c.do("POST", path, body); code != http.StatusCreated {
		c.t.Fatalf("POST %s: %d %s", path, code, answer)
	}
}

func (c *cluster) service(group, service string, port int) {
	c.t.Helper()
	c.create("/apis/apiregistration.k8s.io/v1/apiservices", fmt.Sprintf(`{"metadata":{"name":"v1.%s"},"spec":{"group":%q,"version":"v1","groupPriorityMinimum":17000,
		"versionPriority":10,"insecureSkipTLSVerify":true,"service":{"namespace":"default","name":%q,"port":%d}}}`, group, group, service, port))
}

// condition waits until the APIService is (not) available for the reason, and returns the message.
func (c *cluster) condition(name, reason string) string {
	c.t.Helper()
	response, err := http.Get(c.url + "/apis/apiregistration.k8s.io/v1/apiservices?watch=true&timeoutSeconds=60&fieldSelector=metadata.name%3D" + name)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var conditions []apiregistrationv1.APIServiceCondition
	for events := json.NewDecoder(response.Body); ; {
		var event struct{ Object apiregistrationv1.APIService }
		if err := events.Decode(&event); err != nil {
			c.t.Fatalf("%s is not %s: %v: %v", name, reason, conditions, err)
		}
		if conditions = event.Object.Status.Conditions; len(conditions) == 1 && conditions[0].Reason == reason {
			return conditions[0].Message
		}
	}
}

func TestUnavailable(t *testing.T) {
	c := start(t)
	c.create("/api/v1/namespaces", `{"metadata":{"name":"default"}}`)
	c.create("/api/v1/namespaces/default/services", `{"metadata":{"name":"b"},"spec":{"clusterIP":"None","ports":[{"port":443}]}}`)
	c.create("/api/v1/namespaces/default/services", `{"metadata":{"name":"d"},"spec":{"clusterIP":"None","ports":[{"port":443,"name":"https"}]}}`)
	c.create("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", `{"metadata":{"name":"d","labels":{"kubernetes.io/service-name":"d"}},
		"addressType":"IPv4","ports":[{"name":"http","port":80}],"endpoints":[{"addresses":["10.1.1.1"]}]}`)
	c.create("/api/v1/namespaces/default/services", `{"metadata":{"name":"e"},"spec":{"type":"ExternalName","externalName":"localhost","ports":[{"port":1}]}}`)
	for _, test := range []struct {
		group, service string
		port           int
		reason, want   string
	}{
		{"a.example.com", "none", 443, "ServiceNotFound", `service/none in "default" is not present`},
		{"b.example.com", "b", 444, "ServicePortError", `service/b in "default" is not listening on port 444`},
		{"c.example.com", "b", 443, "EndpointsNotFound", `cannot find endpointslices for service/b in "default"`},
		{"d.example.com", "d", 443, "MissingEndpoints", `endpointslices for service/d in "default" have no addresses with port name "https"`},
		{"e.example.com", "e", 1, "FailedDiscoveryCheck", `failing or missing response from https://localhost:1/apis/e.example.com/v1: Get "https://localhost:1/apis/e.example.com/v1": dial tcp 127.0.0.1:1: connect: connection refused`},
	} {
		c.service(test.group, test.service, test.port)
		if got := c.condition("v1."+test.group, test.reason); strings.ReplaceAll(got, "[::1]", "127.0.0.1") != test.want {
			t.Errorf("%s: %s, want %s", test.group, got, test.want)
		}
		if code, body := c.do("GET", "/apis/"+test.group+"/v1", ""); code != http.StatusServiceUnavailable || body != "service unavailable\n" {
			t.Errorf("asking an absent server: %d %q", code, body)
		}
	}
}

// echo switches protocols and sends back what comes.
func echo(w http.ResponseWriter) {
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = connection.Close() }()
	_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_, _ = io.CopyN(connection, buffered, 5)
}

// converse upgrades a connection and expects what it says to come back.
func (c *cluster) converse(path string) {
	c.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	_ = connection.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(connection, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatalf("upgrading: %v %v", response, err)
	}
	_, _ = io.WriteString(connection, "hello")
	said := make([]byte, 5)
	if _, err := io.ReadFull(reader, said); err != nil || string(said) != "hello" {
		c.t.Errorf("what came back: %q %v", said, err)
	}
}

func TestForward(t *testing.T) {
	var broken atomic.Bool
	remote := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") == "echo":
			echo(w)
		case broken.Load():
			http.Error(w, "broken", http.StatusInternalServerError)
		case r.URL.Path == "/apis/wardle.example.com/v1":
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"wardle.example.com/v1","resources":[
				{"name":"flunders","singularName":"flunder","namespaced":true,"kind":"Flunder","verbs":["get","list"]},{"name":"flunders/status","namespaced":true,"kind":"Flunder","verbs":["get"]}]}`)
		case r.URL.Path == "/openapi/v3":
			_, _ = io.WriteString(w, `{"paths":{"apis/wardle.example.com/v1":{"serverRelativeURL":"/openapi/v3/apis/wardle.example.com/v1?hash=1"},"version":{"serverRelativeURL":"x"}}}`)
		case strings.HasSuffix(r.URL.Path, "/slow"):
			<-r.Context().Done()
		case strings.HasSuffix(r.URL.Path, "/elsewhere"):
			http.Redirect(w, r, "https://example.com/", http.StatusFound)
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{"path": r.URL.RequestURI(), "header": r.Header})
		}
	}))
	defer remote.Close()
	c := start(t)
	c.create("/api/v1/namespaces", `{"metadata":{"name":"default"}}`)
	c.create("/api/v1/namespaces/default/services", `{"metadata":{"name":"api"},"spec":{"type":"ExternalName","externalName":"localhost","ports":[{"port":443}]}}`)
	_, port, _ := strings.Cut(strings.TrimPrefix(remote.URL, "https://"), ":")
	var number int
	_, _ = fmt.Sscan(port, &number)
	c.service("wardle.example.com", "api", number)
	if got := c.condition("v1.wardle.example.com", "Passed"); got != "all checks passed" {
		t.Error(got)
	}
	code, body := c.do("GET", "/apis/wardle.example.com/v1/namespaces/x/flunders?a=b", "", "X-Remote-User", "mallory", "X-Remote-Extra-Scope", "all", "Authorization", "Bearer secret",
		"Connection", "X-Remote-User, X-Remote-Group", "X-Forwarded-Host", "evil", "X-Forwarded-Proto", "ftp", "Audit-Id", "of-this-request")
	var got struct {
		Path   string
		Header http.Header
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	if got.Path != "/apis/wardle.example.com/v1/namespaces/x/flunders?a=b" {
		t.Error(got.Path)
	}
	for name, want := range map[string]string{
		"X-Remote-User": "jane", "X-Remote-Uid": "7", "X-Remote-Group": "a b", "X-Remote-Extra-Example.com%2fkey": "v", "X-Remote-Extra-Scope": "", "Authorization": "",
		"X-Forwarded-Host": "api.default.svc:" + port, "X-Forwarded-Proto": "https", "Audit-Id": "of-this-request",
	} {
		if values := strings.Join(got.Header.Values(name), " "); values != want {
			t.Errorf("%s: %q, want %q; all: %v", name, values, want, got.Header)
		}
	}
	c.converse("/apis/wardle.example.com/v1/talk")
	if code, body := c.do("GET", "/apis/wardle.example.com/v1/slow?timeout=20ms", ""); code != http.StatusGatewayTimeout || !strings.Contains(body, "request did not complete within the allotted timeout") {
		t.Errorf("a server that takes longer than the request has was answered with %d %s", code, body)
	}
	if code, _ := c.do("GET", "/apis/wardle.example.com/v1/elsewhere", ""); code != http.StatusBadGateway {
		t.Errorf("a redirect was answered with %d", code)
	}
	if code, body := c.do("GET", "/apis/wardle.example.com", ""); code != http.StatusOK || !strings.Contains(body, `"wardle.example.com/v1"`) {
		t.Errorf("the group: %d %s", code, body)
	}
	const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	if _, body := c.do("GET", "/apis", "", "Accept", aggregated); !strings.Contains(body, `{"metadata":{"name":"wardle.example.com"},"versions":[{"version":"v1","resources":[{"resource":"flunders",`) || !strings.Contains(body, `"subresource":"status"`) {
		t.Errorf("aggregated discovery: %s", body)
	}
	if _, body := c.do("GET", "/apis", ""); strings.Index(body, `"rbac.authorization.k8s.io"`) > strings.Index(body, `"wardle.example.com"`) {
		t.Errorf("the group comes too early: %s", body)
	}
	if _, body := c.do("GET", "/openapi/v3", ""); !strings.Contains(body, `"apis/wardle.example.com/v1":{"serverRelativeURL":"/openapi/v3/apis/wardle.example.com/v1?hash=1"}`) || strings.Contains(body, `"x"`) || !strings.Contains(body, "apis/apps/v1") {
		t.Errorf("the index of OpenAPI: %s", body)
	}
	if _, body := c.do("GET", "/openapi/v3/apis/wardle.example.com/v1?hash=1", ""); !strings.Contains(body, `"path":"/openapi/v3/apis/wardle.example.com/v1?hash=1"`) {
		t.Errorf("a document of OpenAPI: %s", body)
	}
	broken.Store(true)
	if code, body := c.do("PATCH", "/apis/apiregistration.k8s.io/v1/apiservices/v1.wardle.example.com", `{"metadata":{"labels":{"a":"b"}}}`, "Content-Type", "application/merge-patch+json"); code != http.StatusOK {
		t.Fatal(body)
	}
	c.condition("v1.wardle.example.com", "FailedDiscoveryCheck")
	if _, body := c.do("GET", "/apis", "", "Accept", aggregated); !strings.Contains(body, `"freshness":"Stale"`) {
		t.Errorf("discovery of a broken server is not stale: %s", body)
	}
}

// What another server serves keeps the kinds that it names: without group and version, which clients fill in, with those of another group
// where a subresource has them, and an empty one for a resource that has nothing but subresources.
func TestKindsOfAggregatedGroups(t *testing.T) {
	remote := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"wardle.example.com/v1","resources":[
			{"name":"flunders/scale","singularName":"","namespaced":true,"group":"autoscaling","version":"v1","kind":"Scale","verbs":["get"]},
			{"name":"flunders","singularName":"flunder","namespaced":true,"kind":"Flunder","verbs":["get"]},
			{"name":"flunders/status","singularName":"","namespaced":true,"kind":"Flunder","verbs":["get"]},
			{"name":"fischers/approval","singularName":"","namespaced":false,"kind":"Approval","verbs":["update"]}]}`)
	}))
	defer remote.Close()
	c := start(t)
	c.create("/api/v1/namespaces", `{"metadata":{"name":"default"}}`)
	c.create("/api/v1/namespaces/default/services", `{"metadata":{"name":"api"},"spec":{"type":"ExternalName","externalName":"localhost","ports":[{"port":443}]}}`)
	c.service("wardle.example.com", "api", remote.Listener.Addr().(*net.TCPAddr).Port)
	c.condition("v1.wardle.example.com", "Passed")
	_, body := c.do("GET", "/apis", "", "Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
	var list apidiscoveryv2.APIGroupDiscoveryList
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	group := slices.IndexFunc(list.Items, func(g apidiscoveryv2.APIGroupDiscovery) bool { return g.Name == "wardle.example.com" })
	if group < 0 {
		t.Fatalf("the group is not there: %s", body)
	}
	got := map[string]*metav1.GroupVersionKind{}
	for _, resource := range list.Items[group].Versions[0].Resources {
		got[resource.Resource] = resource.ResponseKind
		for _, sub := range resource.Subresources {
			got[resource.Resource+"/"+sub.Subresource] = sub.ResponseKind
		}
	}
	want := map[string]*metav1.GroupVersionKind{
		"flunders": {Kind: "Flunder"}, "flunders/status": {Kind: "Flunder"}, "flunders/scale": {Group: "autoscaling", Version: "v1", Kind: "Scale"},
		"fischers": {}, "fischers/approval": {Kind: "Approval"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
