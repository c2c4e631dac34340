package abac

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

const version = `{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":`

// policies and what upstream makes of them were compared with a kube-apiserver's answers.
const policies = `# comment

` + version + `{"user":"*","nonResourcePath":"/metrics"}}
` + version + `{"group":"*","nonResourcePath":"/logs*"}}
` + version + `{"nonResourcePath":"/version"}}
` + version + `{"group":"system:unauthenticated","readonly":true,"nonResourcePath":"/api*"}}
` + version + `{"user":"alice","readonly":true,"namespace":"default","resource":"*","apiGroup":"apps"}}
` + version + `{"user":"bob","group":"ops","namespace":"*","resource":"secrets"}}
` + version + `{"user":"carol","resource":"nodes"}}
{"user":"*","resource":"services","readonly":true}
{"user":"dave","namespace":"ns1"}
{"user":"eve","readonly":true}
`

func load(t *testing.T, content string) (*Authorizer, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.jsonl")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

// request reads "user[,group] verb path" or "user[,group] verb group/resource namespace".
func request(text string) authorizer.AttributesRecord {
	parts := strings.Fields(text)
	name, group, _ := strings.Cut(parts[0], ",")
	u := &user.DefaultInfo{Name: name, Groups: []string{user.AllAuthenticated}}
	if name == user.Anonymous {
		u.Groups = []string{user.AllUnauthenticated}
	}
	if group != "" {
		u.Groups = append(u.Groups, group)
	}
	if strings.HasPrefix(parts[2], "/") {
		return authorizer.AttributesRecord{User: u, Verb: parts[1], Path: parts[2]}
	}
	a := authorizer.AttributesRecord{User: u, Verb: parts[1], ResourceRequest: true}
	a.APIGroup, a.Resource, _ = strings.Cut(parts[2], ":")
	if len(parts) > 3 {
		a.Namespace = parts[3]
	}
	return a
}

func TestAuthorize(t *testing.T) {
	a, err := load(t, policies)
	if err != nil {
		t.Fatal(err)
	}
	for text, allowed := range map[string]bool{
		"alice get /metrics": true, "system:anonymous get /metrics": false,
		"alice get /logs/x": true, "alice get /version": false,
		"system:anonymous get /apis": true, "system:anonymous post /api": false, "alice get /api": false,
		"alice list apps:deployments default": true, "alice delete apps:deployments default": false,
		"alice list apps:deployments": false, "alice list batch:jobs default": false, "alice list :pods default": false,
		"bob,ops get :secrets x": true, "bob get :secrets x": false, "zoe,ops get :secrets x": false,
		"carol delete :nodes": true, "carol get :nodes x": false, "carol get other:nodes": false,
		"alice watch :services x": true, "alice create :services x": false, "system:anonymous get :services": false,
		"dave delete apps:deployments ns1": true, "dave get :pods ns2": false, "dave get /x": false,
		"eve get /x": true, "eve list batch:jobs a": true, "eve post /x": false,
	} {
		decision, reason, err := a.Authorize(context.Background(), request(text))
		if (decision == authorizer.DecisionAllow) != allowed || err != nil || !allowed && reason != "No policy matched." {
			t.Errorf("%s: %v %q %v", text, decision, reason, err)
		}
	}
}

func TestRules(t *testing.T) {
	a, err := load(t, policies)
	if err != nil {
		t.Fatal(err)
	}
	resources, paths, incomplete, err := a.RulesFor(context.Background(), &user.DefaultInfo{Name: "eve", Groups: []string{user.AllAuthenticated}}, "default")
	read := []string{"get", "list", "watch"}
	want := []authorizer.ResourceRuleInfo{
		&authorizer.DefaultResourceRuleInfo{Verbs: read, APIGroups: []string{"*"}, Resources: []string{"services"}},
		&authorizer.DefaultResourceRuleInfo{Verbs: read, APIGroups: []string{"*"}, Resources: []string{"*"}},
	}
	wantPaths := []authorizer.NonResourceRuleInfo{&authorizer.DefaultNonResourceRuleInfo{Verbs: read, NonResourceURLs: []string{"*"}}}
	if diff := cmp.Diff(want, resources) + cmp.Diff(wantPaths, paths); diff != "" || incomplete || err != nil {
		t.Error(diff, incomplete, err)
	}
}

func TestWrongFiles(t *testing.T) {
	for content, want := range map[string]string{
		"\nfoo\n": "line 2: foo: couldn't get version/kind; json parse error",
		`{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Other"}`: `no kind "Other" is registered for version "abac.authorization.kubernetes.io/v1beta1"`,
		`{"apiVersion":"v3","kind":"Policy"}`:                                      `line 1: {"apiVersion":"v3","kind":"Policy"}: no kind "Policy" is registered for version "v3"`,
		version + `{"user":3}}`:                                                    "cannot unmarshal number",
	} {
		if _, err := load(t, content); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", content, err)
		}
	}
}
