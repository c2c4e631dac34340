package cluster

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// decider is a webhook that knows one token, and allows a user what the name says.
func decider(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review map[string]any
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		spec, _ := review["spec"].(map[string]any)
		name, _ := spec["user"].(string)
		review["status"] = map[string]any{"allowed": strings.Contains(name, "allowed"), "denied": strings.Contains(name, "denied"), "reason": "the hook says so"}
		if review["kind"] == "TokenReview" {
			review["status"] = map[string]any{"authenticated": spec["token"] == "hooked", "user": map[string]any{"username": "allowed by hook"}}
		}
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	return server
}

// asker sends requests to a server as somebody.
type asker struct {
	t      *testing.T
	url    string
	client *http.Client
}

// get returns the code and the message of the Status, or the body.
func (a *asker) get(token, path string, headers ...string) string {
	a.t.Helper()
	return a.send(http.MethodGet, token, path, nil, headers...)
}

func (a *asker) send(method, token, path string, body any, headers ...string) string {
	a.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, bytes.NewReader(data))
	if err != nil {
		a.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, "=")
		r.Header.Add(name, value)
	}
	response, err := a.client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	var status struct{ Message string }
	if json.Unmarshal(answer, &status) == nil && status.Message != "" {
		return fmt.Sprintf("%d %s", response.StatusCode, status.Message)
	}
	return fmt.Sprintf("%d %s", response.StatusCode, answer)
}

// whoami is the answer to a SelfSubjectReview.
func (a *asker) whoami(token string, headers ...string) string {
	a.t.Helper()
	text := a.send(http.MethodPost, token, "/apis/authentication.k8s.io/v1/selfsubjectreviews", map[string]string{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}, headers...)
	var review struct {
		Status struct{ UserInfo json.RawMessage }
	}
	if _, body, ok := strings.Cut(text, "201 "); ok && json.Unmarshal([]byte(body), &review) == nil {
		return string(review.Status.UserInfo)
	}
	return text
}

// eventually waits until a request has an answer that starts so.
func (a *asker) eventually(token, path, start string) {
	a.t.Helper()
	a.until(func() string { return a.get(token, path) }, start)
}

func (a *asker) until(ask func() string, start string) {
	a.t.Helper()
	eventually(a.t, "asking", func() error {
		if got := ask(); !strings.HasPrefix(got, start) {
			return fmt.Errorf("%.200s, want %s", got, start)
		}
		return nil
	})
}

func (a *asker) expect(got, start string) {
	a.t.Helper()
	if !strings.HasPrefix(got, start) {
		a.t.Errorf("got  %.300s\nwant %s", got, start)
	}
}

// plain returns an asker without credentials, and one of the administrator.
func plain(t *testing.T, running *Cluster) (nobody, admin *asker) {
	t.Helper()
	pair, err := tls.X509KeyPair(running.Config.CertData, running.Config.KeyData)
	if err != nil {
		t.Fatal(err)
	}
	return newAsker(t, running), newAsker(t, running, pair)
}

func newAsker(t *testing.T, running *Cluster, certificates ...tls.Certificate) *asker {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates}} //nolint:gosec // a test's own server
	t.Cleanup(transport.CloseIdleConnections)
	return &asker{t: t, url: running.Config.Host, client: &http.Client{Transport: transport}}
}

func writeFile(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func authenticationConfig(issuer *authtest.Issuer, audience string) string {
	return "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: true, conditions: [{path: /livez}]}\njwt:\n" +
		"- issuer:\n    url: " + issuer.URL + "\n    audiences: [" + audience + "]\n    certificateAuthority: |\n      " + strings.ReplaceAll(issuer.CA(), "\n", "\n      ") + "\n" +
		"  claimMappings:\n    username: {expression: \"'oidc:' + claims.sub\"}\n    groups: {claim: groups, prefix: \"oidc:\"}\n    extra: [{key: example.org/x, valueExpression: claims.x}]\n" +
		"  userValidationRules: [{expression: \"!user.username.contains('system')\", message: reserved}]\n"
}

const rbacOnly = "- {type: Node, name: node}\n- {type: RBAC, name: rbac}\n"

// authorizationConfig asks the webhook first, but about administrators of the token file.
func authorizationConfig(kubeconfig string) string {
	return "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n- type: Webhook\n  name: hook\n  webhook:\n    timeout: 3s\n" +
		"    subjectAccessReviewVersion: v1\n    matchConditionSubjectAccessReviewVersion: v1\n    failurePolicy: Deny\n    connectionInfo: {type: KubeConfigFile, kubeConfigFile: " + kubeconfig + "}\n" +
		"    matchConditions: [{expression: \"!('ops' in request.groups)\"}]\n" + rbacOnly
}

// Everybody whom the files name is known, and may do what the files say; when the files change, at once.
func TestAuthentication(t *testing.T) {
	dir, hook := t.TempDir(), decider(t)
	issuer, err := authtest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	kubeconfig := writeFile(t, filepath.Join(dir, "hook"), "apiVersion: v1\nkind: Config\nclusters: [{name: h, cluster: {server: "+hook.URL+"}}]\ncontexts: [{name: h, context: {cluster: h}}]\ncurrent-context: h\n")
	options := alone(t.TempDir())
	options.TokenAuthFile = writeFile(t, filepath.Join(dir, "tokens"), "one,alice,1,\"dev,ops\"\ntwo,denied,2\n")
	options.AuthenticationConfig = writeFile(t, filepath.Join(dir, "authentication"), authenticationConfig(issuer, "here"))
	options.TokenWebhookConfigFile = kubeconfig
	options.Authorization.Config = writeFile(t, filepath.Join(dir, "authorization"), authorizationConfig(kubeconfig))
	running, _ := started(t, options)
	nobody, admin := plain(t, running)
	const pods = "/api/v1/namespaces/default/pods"

	nobody.expect(nobody.get("", "/livez"), "200 ok")
	nobody.expect(nobody.get("", "/readyz"), "401 Unauthorized")
	nobody.expect(nobody.get("wrong", "/livez"), "401 Unauthorized")
	nobody.expect(nobody.get("one", pods), `403 pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "default"`)
	nobody.expect(nobody.whoami("one"), `{"username":"alice","uid":"1","groups":["dev","ops","system:authenticated"]}`)
	nobody.expect(nobody.get("two", pods), `403 pods is forbidden: User "denied" cannot list resource "pods" in API group "" in the namespace "default": the hook says so`)
	nobody.expect(nobody.get("hooked", pods), "200 {")

	token := func(claims map[string]any) string {
		all := map[string]any{"aud": "here", "exp": time.Now().Add(time.Hour).Unix(), "x": "y", "groups": []string{"g"}}
		for key, value := range claims {
			all[key] = value
		}
		signed, err := issuer.Token(all)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	allowed := token(map[string]any{"sub": "allowed", "jti": "7"})
	nobody.expect(nobody.get(allowed, pods), "200 {")
	nobody.expect(nobody.whoami(allowed), `{"username":"oidc:allowed","groups":["oidc:g","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":["JTI=7"],"example.org/x":["y"]}}`)
	nobody.expect(nobody.get(token(map[string]any{"sub": "system"}), pods), "401")
	nobody.expect(nobody.get(token(map[string]any{"sub": "allowed", "aud": "there"}), pods), "401")

	// Impersonation carries UIDs and extras, if the caller may.
	as := []string{"Impersonate-User=eve", "Impersonate-Uid=9", "Impersonate-Group=g", "Impersonate-Extra-scopes=a", "Impersonate-Extra-scopes=b", "Impersonate-Extra-example.org%2fx=c"}
	nobody.expect(admin.whoami("", as...), `{"username":"eve","uid":"9","groups":["g","system:authenticated"],"extra":{"example.org/x":["c"],"scopes":["a","b"]}}`)
	nobody.expect(nobody.whoami("two", "Impersonate-User=eve"), `403 selfsubjectreviews.authentication.k8s.io is forbidden: User "denied" cannot impersonate-on:user-info:create resource`)

	// Changed files count without a restart; wrong ones do not.
	there := token(map[string]any{"sub": "allowed", "aud": "there"})
	writeFile(t, options.AuthenticationConfig, "nonsense: [")
	writeFile(t, options.AuthenticationConfig, authenticationConfig(issuer, "there"))
	nobody.eventually(there, pods, "200")
	nobody.eventually(allowed, pods, "401")
	writeFile(t, options.Authorization.Config, "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n"+rbacOnly)
	nobody.eventually("hooked", pods, "403")

	shown := admin.get("", "/metrics")
	for _, want := range []string{
		`apiserver_authentication_config_controller_automatic_reloads_total{apiserver_id_hash=`, `apiserver_authorization_config_controller_automatic_reloads_total{apiserver_id_hash=`,
		`apiserver_authentication_jwt_authenticator_latency_seconds_count{`, `apiserver_authorization_decisions_total{decision="denied",name="hook",type="Webhook"}`,
		`apiserver_authorization_match_condition_exclusions_total{name="hook",type="Webhook"}`, `authentication_attempts{result="error"}`,
		`authenticated_user_requests{username="other"}`, `apiserver_client_certificate_expiration_seconds_count`, `authentication_token_cache_request_total{status="hit"}`,
		`authorization_attempts_total{result="denied"}`,
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("not measured: %s", want)
		}
	}
}

// A front proxy is believed, other servers are told of it, and without --anonymous-auth nobody is let in without a name.
// A client whose certificate is of an authority of front proxies, too, could say that it is anybody.
func TestClientsAreNoFrontProxies(t *testing.T) {
	authority, err := pki.Open(filepath.Join(t.TempDir(), "both"), "both", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	o := ForTest(t.TempDir())
	o.ClientCAFile = writeFile(t, filepath.Join(t.TempDir(), "ca"), string(authority.CertPEM))
	o.RequestHeaderOptions = options.RequestHeaderOptions{RequestHeaderClientCAFile: o.ClientCAFile, RequestHeaderUsernameHeaders: []string{"X-Remote-User"}}
	if running, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--requestheader-allowed-names must be specified") {
		t.Errorf("started: %v", err)
		if err == nil {
			_ = running.Stop()
		}
	}
}

// TestNobodyIsAllowedEverything: where --authorization-mode allows all, a caller must be known. One that showed nothing could do anything.
func TestNobodyIsAllowedEverything(t *testing.T) {
	for _, modes := range [][]string{{"AlwaysAllow"}, {"RBAC", "AlwaysAllow"}, nil} {
		o := alone(t.TempDir())
		o.Authorization.Modes = modes
		running, _ := started(t, o)
		nobody, admin := plain(t, running)
		nobody.expect(nobody.get("", "/api/v1/namespaces"), "401 Unauthorized")
		nobody.expect(nobody.get("", "/version", "Authorization=Basic YmFkOndyb25n"), "401 Unauthorized")
		if got := admin.get("", "/version"); !strings.Contains(got, "gitVersion") {
			t.Errorf("%v: the administrator is told %s", modes, got)
		}
	}
}

// Whoever configures anonymous callers means it.
func TestConfiguredAnonymousCallersAreAllowedEverything(t *testing.T) {
	o := alone(t.TempDir())
	o.Authorization.Modes = []string{"AlwaysAllow"}
	o.AuthenticationConfig = writeFile(t, filepath.Join(t.TempDir(), "authentication"), "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous: {enabled: true}\n")
	running, _ := started(t, o)
	nobody, _ := plain(t, running)
	if got := nobody.get("", "/api/v1/namespaces"); !strings.Contains(got, "NamespaceList") {
		t.Errorf("nobody is told %s", got)
	}
}

func TestFrontProxy(t *testing.T) {
	dir := t.TempDir()
	authority, err := pki.Open(filepath.Join(dir, "proxies"), "proxies", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Leaf(pki.Request{Name: "front", CommonName: "front", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	o := alone(t.TempDir())
	o.AnonymousAuth = false
	o.RequestHeaderOptions = options.RequestHeaderOptions{
		RequestHeaderClientCAFile: writeFile(t, filepath.Join(dir, "ca"), string(authority.CertPEM)), RequestHeaderAllowedNames: []string{"front"},
		RequestHeaderUsernameHeaders: []string{"X-Remote-User"}, RequestHeaderGroupHeaders: []string{"X-Remote-Group"}, RequestHeaderUIDHeaders: []string{"X-Remote-Uid"},
		RequestHeaderExtraHeaderPrefixes: []string{"X-Remote-Extra-"},
	}
	running, _ := started(t, o)
	nobody, admin := plain(t, running)
	front := newAsker(t, running, leaf.TLS())
	front.expect(front.whoami("", "X-Remote-User=bob", "X-Remote-Uid=7", "X-Remote-Group=g", "X-Remote-Extra-Scopes=a"),
		`{"username":"bob","uid":"7","groups":["g","system:authenticated"],"extra":{"scopes":["a"]}}`)
	front.expect(front.get("", "/version"), "401 Unauthorized")
	nobody.expect(nobody.get("", "/livez", "X-Remote-User=bob"), "401 Unauthorized")
	told := admin.get("", "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")
	if !strings.Contains(told, `"requestheader-allowed-names":"[\"front-proxy-client\",\"front\"]"`) || strings.Count(told, "BEGIN CERTIFICATE") != 3 {
		t.Errorf("other servers are told: %s", told)
	}
	testChangedAuthorities(t, running, front, o.RequestHeaderClientCAFile)
}

// testChangedAuthorities replaces the authority of front proxies, and later brings the first one back beside it.
func testChangedAuthorities(t *testing.T, running *Cluster, front *asker, file string) {
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.Open(filepath.Join(t.TempDir(), "others"), "others", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	request := pki.Request{Name: "front", CommonName: "front", Client: true}
	second, err := other.Leaf(request)
	if err != nil {
		t.Fatal(err)
	}
	_, admin := plain(t, running)
	const told = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
	asks := func(who *asker) func() string {
		return func() string {
			who.client.CloseIdleConnections() // a handshake decides whether a client shows its certificate
			return who.get("", "/version", "X-Remote-User=bob")
		}
	}
	newcomer := newAsker(t, running, second.TLS())
	newcomer.expect(asks(newcomer)(), "401")
	writeFile(t, file, "nonsense")
	writeFile(t, file, string(other.CertPEM))
	newcomer.until(asks(newcomer), "200")
	front.expect(asks(front)(), "401")
	admin.until(func() string { return fmt.Sprint(strings.Contains(admin.get("", told), pemBody(other.CertPEM))) }, "true")
	writeFile(t, file, string(first)+string(other.CertPEM))
	front.until(asks(front), "200")
	newcomer.expect(asks(newcomer)(), "200")
	admin.until(func() string { return strconv.Itoa(strings.Count(admin.get("", told), "BEGIN CERTIFICATE")) }, "4")
}

// pemBody is a line of a certificate, which is the same in JSON.
func pemBody(certificate []byte) string { return strings.Split(string(certificate), "\n")[3] }

// An issuer that accepts connections and says nothing does not hold up the end of a server.
func TestSilentIssuerDoesNotHoldUpTheEnd(t *testing.T) {
	issuer, err := authtest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	config := strings.ReplaceAll(authenticationConfig(issuer, "here"), issuer.URL, "https://"+silent.Addr().String())
	options := alone(t.TempDir())
	options.AuthenticationConfig = writeFile(t, filepath.Join(t.TempDir(), "authentication"), config)
	running, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	begin := time.Now()
	if err := running.Stop(); err != nil || time.Since(begin) > 14*time.Second { // the issuer alone would take 15 s
		t.Errorf("the end took %s: %v", time.Since(begin), err)
	}
}
