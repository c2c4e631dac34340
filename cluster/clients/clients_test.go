package clients

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
)

// TestMappingOfKindsThatAreNotBuiltIn: those that are built in need no request, others are discovered.
func TestMappingOfKindsThatAreNotBuiltIn(t *testing.T) {
	group := metav1.GroupVersionForDiscovery{GroupVersion: "x.io/v1", Version: "v1"}
	answers := map[string]any{
		"/api": metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}},
		"/apis": metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{
			{Name: "x.io", Versions: []metav1.GroupVersionForDiscovery{group}, PreferredVersion: group},
		}},
		"/apis/x.io/v1": metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "x.io/v1", APIResources: []metav1.APIResource{
			{Name: "foos", SingularName: "foo", Kind: "Foo", Namespaced: true, Verbs: metav1.Verbs{"get"}},
		}},
	}
	var requests atomic.Int32
	c := &InProcess{BuiltIn: func() meta.RESTMapper { return NewMapper(apis.All()) }, Scheme: apis.NewScheme(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		answer, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})}
	made, err := c.Client(identity.Of("someone"), nil)
	if err != nil {
		t.Fatal(err)
	}
	mapping, err := made.RESTMapper().RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"}, "v1")
	if err != nil || mapping.Resource.Resource != "deployments" || requests.Load() > 0 {
		t.Errorf("mapped Deployment to %v with %d requests: %v", mapping, requests.Load(), err)
	}
	mapping, err = made.RESTMapper().RESTMapping(schema.GroupKind{Group: "x.io", Kind: "Foo"}, "v1")
	if err != nil || mapping.Resource.Resource != "foos" || mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		t.Errorf("mapped Foo to %v: %v", mapping, err)
	}
	if _, err := made.RESTMapper().RESTMapping(schema.GroupKind{Group: "x.io", Kind: "Bar"}, "v1"); !meta.IsNoMatchError(err) {
		t.Errorf("mapped what nobody serves: %v", err)
	}
}

func TestAgentsAreTheProgramsThatUsersStandFor(t *testing.T) {
	for want, who := range map[string]user.Info{
		"kube-controller-manager": identity.Account("deployment-controller"),
		"kubelet":                 identity.Node("n"),
		"kube-scheduler":          identity.Scheduler(),
		"kube-proxy":              identity.Proxy(),
		"kube-apiserver":          identity.Server(),
		"coxswain-dns":            identity.DNS(),
	} {
		if got := identity.Agent(who); got != want {
			t.Errorf("%s calls itself %s, want %s", who.GetName(), got, want)
		}
	}
}
