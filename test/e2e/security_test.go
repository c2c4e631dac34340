package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// caller makes requests that no kubectl would make.
type caller struct {
	*space
	client *http.Client
	token  string
	header []string
}

// admin calls with the administrator's certificate, nobody with nothing at all.
func (s *space) admin() *caller  { s.Helper(); return s.caller(true) }
func (s *space) nobody() *caller { s.Helper(); return s.caller(false) }

// with is who has a token.
func (s *space) with(token string) *caller {
	s.Helper()
	c := s.caller(false)
	c.token = strings.TrimSpace(token)
	return c
}

func (s *space) caller(certificate bool) *caller {
	s.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", s.cluster.Kubeconfig)
	if err != nil {
		s.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(config.CAData)
	client := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if certificate {
		pair, err := tls.X509KeyPair(config.CertData, config.KeyData)
		if err != nil {
			s.Fatal(err)
		}
		client.Certificates = []tls.Certificate{pair}
	}
	return &caller{space: s, client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: client, DisableKeepAlives: true}}}
}

// call returns the status code and the body.
func (c *caller) call(method, path, body string) (int, string) {
	c.Helper()
	if strings.HasPrefix(path, "/") {
		path = "https://" + c.cluster.Machine.IP + ":6443" + path
	}
	request, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if method == "PATCH" {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for i := 0; i+1 < len(c.header); i += 2 {
		request.Header.Add(c.header[i], c.header[i+1])
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.client.Do(request)
	if err != nil {
		c.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatal(err)
	}
	return response.StatusCode, string(data)
}

// answers checks the code and the words of an answer.
func (c *caller) answers(method, path, body string, code int, words ...string) string {
	c.Helper()
	got, answer := c.call(method, path, body)
	if got != code {
		c.Errorf("%s %s: %d, want %d: %.500s", method, path, got, code, answer)
	}
	c.says(method+" "+path, answer, words...)
	return answer
}

// TestDoors knocks at every port without the right key.
func TestDoors(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	ip := s.cluster.Machine.IP
	for _, path := range []string{"/healthz", "/livez", "/readyz", "/version"} {
		s.nobody().answers("GET", path, "", 200)
	}
	s.nobody().answers("GET", "/api/v1/pods", "", 403, `pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" at the cluster scope`)
	s.nobody().answers("GET", "/metrics", "", 403, `forbidden: User \"system:anonymous\" cannot get path \"/metrics\"`)
	s.with("nonsense").answers("GET", "/version", "", 401, `"reason":"Unauthorized"`)
	kubelet := "https://" + ip + ":10250"
	s.nobody().answers("GET", kubelet+"/pods", "", 401, "Unauthorized")
	s.nobody().answers("POST", kubelet+"/run/"+s.name+"/p/c?cmd=id", "", 401, "Unauthorized")
	s.with("nonsense").answers("GET", kubelet+"/pods", "", 401)
	account := s.with(s.kubectl("create", "token", "default"))
	account.answers("GET", kubelet+"/pods", "", 403, "Forbidden (user=system:serviceaccount:"+s.name+":default, verb=get, resource=nodes")
	s.admin().answers("GET", kubelet+"/healthz", "", 200, "ok")
	s.admin().answers("GET", kubelet+"/pods", "", 200, `"kind":"PodList"`)
	for _, port := range []string{":6443/version", ":10250/pods"} {
		s.nobody().answers("GET", "http://"+ip+port, "", 400, "Client sent an HTTP request to an HTTPS server.")
	}
	open := strings.ReplaceAll(s.must(s.onMachine("ss", "-Hltn")), "127.0.0.1:2379 ", "") // it asks for a certificate
	for _, port := range []string{":8080 ", ":10255 ", ":2379 ", ":2380 "} {
		if strings.Contains(open, port) {
			t.Errorf("port %s is open:\n%s", port, open)
		}
	}
	secretFiles(s)
}

// secretFiles must be nobody else's to read.
func secretFiles(s *space) {
	s.Helper()
	err := filepath.WalkDir(s.cluster.DataDir(), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "containerd" || entry.Name() == "programs") {
			return filepath.SkipDir
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		secret := strings.HasSuffix(name, ".key") || strings.HasSuffix(name, "kubeconfig")
		if secret && info.Mode().Perm() != 0o600 || entry.Name() == "etcd" && info.Mode().Perm()&0o077 != 0 {
			s.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
	if info, err := os.Stat(s.cluster.DataDir()); err != nil || info.Mode().Perm() != 0o700 {
		s.Errorf("the data folder: %v %v", info.Mode(), err)
	}
}

// TestTokens follows the tokens of service accounts.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.becomes("serviceaccount/default", ".metadata.name", "default")
	s.says("the root certificate", s.get("configmap/kube-root-ca.crt", ".data['ca\\.crt']"), "BEGIN CERTIFICATE")
	s.kubectl("delete", "serviceaccount/default", "configmap/kube-root-ca.crt")
	s.becomes("serviceaccount/default", ".metadata.name", "default")
	s.becomes("configmap/kube-root-ca.crt", ".metadata.name", "kube-root-ca.crt")

	name := "system:serviceaccount:" + s.name + ":default"
	token := s.kubectl("create", "token", "default")
	review := func(token, audiences string) string {
		return s.admin().answers("POST", "/apis/authentication.k8s.io/v1/tokenreviews",
			fmt.Sprintf(`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":%q,"audiences":[%s]}}`, strings.TrimSpace(token), audiences), 201)
	}
	s.says("the review of a token", review(token, ""), `"authenticated":true`, `"username":"`+name+`"`, `"system:serviceaccounts:`+s.name+`"`)
	vault := s.kubectl("create", "token", "default", "--audience=vault", "--duration=1h")
	s.says("the review of a token for a vault", review(vault, `"vault"`), `"authenticated":true`, `"audiences":["vault"]`)
	if out := review(vault, ""); strings.Contains(out, `"authenticated":true`) {
		t.Errorf("a token for a vault passes for one of the API's: %s", out)
	}
	s.with(vault).answers("GET", "/version", "", 401)
	s.with(token).answers("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`, 201, name)
	s.with(token).answers("GET", "/api/v1/namespaces/"+s.name+"/pods", "", 403, "cannot list resource")
	forged := strings.TrimSpace(token)
	s.with(forged[:len(forged)-8]+"AAAAAAAA").answers("GET", "/version", "", 401)
	s.says("a token for too short a time", s.refused("create", "token", "default", "--duration=1m"), "may not specify a duration less than 10 minutes")

	s.kubectl("run", "bound", "--image", toolbox, "--grace-period=1")
	s.up("bound")
	bound := s.kubectl("create", "token", "default", "--bound-object-kind=Pod", "--bound-object-name=bound")
	s.with(bound).answers("GET", "/version", "", 200)
	s.says("the review of a bound token", review(bound, ""), `"authentication.kubernetes.io/pod-name":["bound"]`, `"authentication.kubernetes.io/node-name":["`+s.cluster.Machine.Name+`"]`)
	s.kubectl("delete", "pod", "bound", "--grace-period=0", "--force")
	s.with(bound).answers("GET", "/version", "", 401)
	s.kubectl("create", "serviceaccount", "brief")
	brief := s.kubectl("create", "token", "brief")
	s.with(brief).answers("GET", "/version", "", 200)
	s.kubectl("delete", "serviceaccount", "brief")
	s.with(brief).answers("GET", "/version", "", 401)
}

// TestNodesAreKeptApart acts as a node.
func TestNodesAreKeptApart(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.kubectl("create", "secret", "generic", "mine", "--from-literal=a=1")
	s.kubectl("create", "secret", "generic", "other", "--from-literal=a=1")
	s.apply(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"c","image":"` + toolbox + `",
		"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"mine","key":"a"}}}]}]}}`)
	s.up("p")
	node := s.cluster.Machine.Name
	as := func(name string, args ...string) []string {
		return append(args, "--as=system:node:"+name, "--as-group=system:nodes", "--as-group=system:authenticated")
	}
	s.kubectl(as(node, "get", "secret", "mine")...)
	s.says("a node that reads what is not its", s.refused(as(node, "get", "secret", "other")...),
		`secrets "other" is forbidden: User "system:node:`+node+`" cannot get resource "secrets" in API group "" in the namespace "`+s.name+`": no relationship found between node '`+node+`' and this object`)
	s.says("another node", s.refused(as("ghost", "get", "secret", "mine")...), "no relationship found between node 'ghost' and this object")
	s.refused(as(node, "get", "secrets")...)
	s.refused(as(node, "create", "configmap", "x")...)
	s.kubectl(as(node, "create", "token", "default", "--bound-object-kind=Pod", "--bound-object-name=p", "--bound-object-uid="+s.get("pod/p", ".metadata.uid"))...)
	s.refused(as(node, "create", "token", "default")...)
	s.says("a node that reads another", s.refused(as("ghost", "get", "node", node)...), "node 'ghost' cannot read '"+node+"', only its own Node object")
	ghost := s.admin()
	ghost.header = []string{"Impersonate-User", "system:node:ghost", "Impersonate-Group", "system:nodes"}
	ghost.answers("PATCH", "/api/v1/nodes/"+node, `{"metadata":{"labels":{"a":"b"}}}`, 403, `is not allowed to modify node \"`+node+`\"`)
	ghost.answers("PATCH", "/api/v1/nodes/"+node+"/status", `{"status":{"phase":"Running"}}`, 403, `is not allowed to modify node \"`+node+`\"`)
	ghost.answers("DELETE", "/api/v1/namespaces/"+s.name+"/pods/p", "", 403, `node \"ghost\" can only delete pods with spec.nodeName set to itself`)
	ghost.answers("PATCH", "/api/v1/namespaces/"+s.name+"/pods/p/status", `{"status":{"phase":"Failed"}}`, 403, `node \"ghost\" can only update pod status for pods with spec.nodeName set to itself`)
	s.says("a node that labels itself", s.refused(as(node, "label", "node", node, "node-restriction.kubernetes.io/x=y")...), "is not allowed to modify labels: node-restriction.kubernetes.io/x")
	s.kubectl("delete", "pod", "p")
	s.eventually("the secret to be out of the node's reach", func() error {
		if out, err := s.try(as(node, "get", "secret", "mine")...); err == nil {
			return fmt.Errorf("it was read: %s", out)
		}
		return nil
	})
}

// TestRoles asks who may do what.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.same("the administrator's power", s.kubectl("auth", "can-i", "*", "*", "--all-namespaces"), "yes")
	s.says("anna's power", s.refused("auth", "can-i", "create", "pods", "--as=anna"), "no")
	s.says("whoami", s.kubectl("auth", "whoami", "--as=anna", "--as-group=devs"), "anna", "[devs system:authenticated]")
	s.says("what everyone may", s.kubectl("auth", "can-i", "--list", "--as=anna"), "selfsubjectaccessreviews.authorization.k8s.io", "[/healthz]")
	s.kubectl("create", "role", "gardener", "--verb=get,list,watch,create,update,patch,delete", "--resource=pods,roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io")
	s.kubectl("create", "rolebinding", "gardener", "--role=gardener", "--user=anna")
	s.same("anna's new power", s.kubectl("auth", "can-i", "create", "pods", "--as=anna"), "yes")
	s.says("elsewhere", s.refused("auth", "can-i", "create", "pods", "--as=anna", "-n", "default"), "no")
	s.says("the list of anna", s.kubectl("auth", "can-i", "--list", "--as=anna"), "pods", "[get list watch create update patch delete]")
	s.kubectl("create", "role", "viewer", "--verb=get", "--resource=pods", "--as=anna")
	s.says("anna grants what she has not", s.refused("create", "role", "thief", "--verb=get", "--resource=secrets", "--as=anna"),
		`roles.rbac.authorization.k8s.io "thief" is forbidden: user "anna" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:`,
		`{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`)
	s.says("anna binds a role above her", s.refused("create", "rolebinding", "thief", "--clusterrole=cluster-admin", "--user=anna", "--as=anna"),
		"is attempting to grant RBAC permissions not currently held", `{APIGroups:["*"], Resources:["*"], Verbs:["*"]}`)
	token, pods := s.kubectl("create", "token", "default"), "/api/v1/namespaces/"+s.name+"/pods"
	mallory := s.with(token)
	mallory.header = []string{"Impersonate-User", "anna"}
	mallory.answers("GET", pods, "", 403,
		`pods is forbidden: User \"system:serviceaccount:`+s.name+`:default\" cannot impersonate-on:user-info:list resource \"pods\" in API group \"\" in the namespace \"`+s.name+`\"`)
	mallory.answers("GET", "/version", "", 403, `cannot impersonate-on:user-info:get path \"/version\"`)
	s.kubectl("create", "rolebinding", "view", "--clusterrole=view", "--serviceaccount="+s.name+":default")
	s.with(token).answers("GET", pods, "", 200)
	s.with(token).answers("GET", "/api/v1/namespaces/"+s.name+"/secrets", "", 403)
	s.kubectl("delete", "rolebinding", "view")
	s.with(token).answers("GET", pods, "", 403)
	for _, role := range []string{"cluster-admin", "admin", "edit", "view", "system:node", "system:kube-scheduler", "system:discovery"} {
		s.kubectl("get", "clusterrole", role)
	}
}

// TestBadInputs sends what must be refused, and looks whether anything of it was stored.
func TestBadInputs(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	pods, maps := "/api/v1/namespaces/"+s.name+"/pods", "/api/v1/namespaces/"+s.name+"/configmaps"
	admin := s.admin()
	var status struct {
		Reason  string
		Details struct {
			Name, Kind string
			Causes     []struct{ Reason, Message, Field string }
		}
	}
	answer := admin.answers("POST", pods, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"Bad_Name"},"spec":{"containers":[{"name":"c"},{"name":"c","image":"i"}],"restartPolicy":"Sometimes"}}`, 422)
	if err := json.Unmarshal([]byte(answer), &status); err != nil {
		t.Fatal(err)
	}
	causes := ""
	for _, cause := range status.Details.Causes {
		causes += cause.Reason + " " + cause.Field + ": " + cause.Message + "\n"
	}
	s.same("the reason", status.Reason+" "+status.Details.Kind+" "+status.Details.Name, "Invalid Pod Bad_Name")
	s.says("the causes", causes, "FieldValueInvalid metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of", "FieldValueDuplicate spec.containers[1].name: Duplicate value: \"c\"",
		"FieldValueRequired spec.containers[0].image: Required value", `FieldValueNotSupported spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"`)
	admin.answers("POST", maps, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"`, 400, `"reason":"BadRequest"`)
	admin.answers("POST", maps, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"bad"}}`, 400, "BadRequest")
	admin.answers("POST", maps, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad","namespace":"default"}}`, 400, "the namespace of the provided object does not match the namespace sent on the request")
	admin.answers("POST", maps, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"},"data":{"a":"`+strings.Repeat("x", 3<<20)+`"}}`, 413, "RequestEntityTooLarge")
	admin.answers("POST", maps, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"},"data":{"a":"`+strings.Repeat("x", 2<<20)+`"}}`, 422, "Too long")
	admin.answers("POST", maps, strings.Repeat(`{"data":`, 100000)+"1"+strings.Repeat("}", 100000), 400, "BadRequest")
	admin.answers("POST", "/api/v1/namespaces/nowhere/configmaps", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"}}`, 404, `namespaces \"nowhere\" not found`)
	s.same("what was stored", s.kubectl("get", "configmaps,pods", "-o", "name"), "configmap/kube-root-ca.crt")

	unknown := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"odd"},"data":{},"colour":"blue"}`
	s.says("an unknown field, strictly", s.input(unknown, "create", "--validate=strict", "-f", "-"), `strict decoding error: unknown field "colour"`)
	s.says("an unknown field, with a warning", s.input(unknown, "create", "--validate=warn", "-f", "-"), `Warning: unknown field "colour"`, "configmap/odd created")
	if out := s.input(strings.Replace(unknown, "odd", "odder", 1), "create", "--validate=ignore", "-f", "-"); strings.TrimSpace(out) != "configmap/odder created" {
		t.Errorf("an unknown field, ignored: %s", out)
	}
}
