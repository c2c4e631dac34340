package extensions_test

import (
	"net/http"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/inprocess"
)

// send a request, and return the code of the answer.
func (s *server) send(t testing.TB, method, path, body string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://test"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	who := &user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}}
	response, err := (&inprocess.Transport{Handler: s.handler, User: who}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// CVE-2019-11247: a custom resource of the cluster is not found below a namespace, where the rights of that would do; nor is one
// of a namespace without it.
func TestBadInput02CustomResourcesAreServedInTheirScopeAlone(t *testing.T) {
	s := newServer(t)
	for _, scope := range []string{"Cluster", "Namespaced"} {
		crd := definition(strings.ToLower(scope)+"things", scope+"thing", version("v1", true, "a"))
		crd.Spec.Scope = apiextensionsv1.ResourceScope(scope)
		s.establish(t, crd)
	}
	const root = "/apis/example.com/v1"
	if code := s.send(t, "POST", "/api/v1/namespaces", `{"metadata":{"name":"default"}}`); code != http.StatusCreated {
		t.Fatal(code)
	}
	if code := s.send(t, "POST", root+"/clusterthings", `{"apiVersion":"example.com/v1","kind":"Clusterthing","metadata":{"name":"c"}}`); code != http.StatusCreated {
		t.Fatal(code)
	}
	if code := s.send(t, "POST", root+"/namespaces/default/namespacedthings", `{"apiVersion":"example.com/v1","kind":"Namespacedthing","metadata":{"name":"n"}}`); code != http.StatusCreated {
		t.Fatal(code)
	}
	body := map[string]string{"POST": `{"apiVersion":"example.com/v1","kind":"Clusterthing","metadata":{"name":"d"}}`, "PUT": `{"apiVersion":"example.com/v1","kind":"Clusterthing","metadata":{"name":"c"}}`, "PATCH": "{}"}
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		for _, path := range []string{"/namespaces/default/clusterthings/c", "/namespacedthings/n"} {
			if code := s.send(t, method, root+path, body[method]); code != http.StatusNotFound && code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s was answered with %d", method, path, code)
			}
		}
	}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		if code := s.send(t, method, root+"/namespaces/default/clusterthings", body[method]); code != http.StatusNotFound && code != http.StatusMethodNotAllowed {
			t.Errorf("%s was answered with %d", method, code)
		}
	}
	if s.send(t, "GET", root+"/clusterthings/c", "") != http.StatusOK || s.send(t, "GET", root+"/namespaces/default/namespacedthings/n", "") != http.StatusOK {
		t.Error("objects are gone")
	}
}
