package request_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

func TestParse(t *testing.T) {
	resource := func(verb, group, version, namespace, name, kind, sub string) request.Info {
		return request.Info{IsResource: true, Verb: verb, Group: group, Version: version, Namespace: namespace, Name: name, Resource: kind, Subresource: sub}
	}
	cases := map[string]request.Info{
		"GET /api/v1/pods":                                              resource("list", "", "v1", "", "", "pods", ""),
		"GET /api/v1/pods?watch=true":                                   resource("watch", "", "v1", "", "", "pods", ""),
		"GET /api/v1/pods?watch=0":                                      resource("list", "", "v1", "", "", "pods", ""),
		"GET /api/v1/namespaces/a/pods/b":                               resource("get", "", "v1", "a", "b", "pods", ""),
		"GET /api/v1/namespaces/a":                                      resource("get", "", "v1", "a", "a", "namespaces", ""),
		"PUT /api/v1/namespaces/a/finalize":                             resource("update", "", "v1", "a", "a", "namespaces", "finalize"),
		"PATCH /apis/apps/v1/namespaces/a/deployments/b/scale":          resource("patch", "apps", "v1", "a", "b", "deployments", "scale"),
		"DELETE /apis/apps/v1/namespaces/a/deployments":                 resource("deletecollection", "apps", "v1", "a", "", "deployments", ""),
		"POST /api/v1/namespaces/a/pods":                                resource("create", "", "v1", "a", "", "pods", ""),
		"GET /api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Db": resource("list", "", "v1", "a", "b", "pods", ""),
		"GET /api/v1/watch/namespaces/a/pods/b":                         resource("watch", "", "v1", "a", "b", "pods", ""),
		"GET /api/v1/namespaces/a/services/https:b:443/proxy/x/y":       resource("get", "", "v1", "a", "https:b:443", "services", "proxy"),
		"GET /api":          {Verb: "get"},
		"GET /apis/apps/v1": {Verb: "get"},
		"POST /healthz":     {Verb: "post"},
	}
	for line, want := range cases {
		method, target, _ := strings.Cut(line, " ")
		got := request.Parse(httptest.NewRequest(method, target, nil))
		ignored := cmpopts.IgnoreFields(request.Info{}, "Path", "Prefix", "Rest", "LegacyWatch", "FieldText", "LabelText", "Initial")
		if diff := cmp.Diff(want, *got, ignored); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func TestHowMuchIsAskedFor(t *testing.T) {
	for target, want := range map[string]request.Info{
		"/api/v1/pods?limit=5":                                              {Limit: 5},
		"/api/v1/pods?limit=x":                                              {},
		"/api/v1/pods?watch=1":                                              {Initial: true},
		"/api/v1/pods?watch=1&resourceVersion=0":                            {Initial: true},
		"/api/v1/pods?watch=1&resourceVersion=7":                            {},
		"/api/v1/pods?watch=1&resourceVersion=7&sendInitialEvents=true":     {Initial: true},
		"/api/v1/watch/pods?sendInitialEvents=false&resourceVersionMatch=x": {},
	} {
		got := request.Parse(httptest.NewRequest("GET", target, nil))
		if got.Limit != want.Limit || got.Initial != want.Initial {
			t.Errorf("%s: %d and %v", target, got.Limit, got.Initial)
		}
	}
}

func TestRequestInTheCourseOfAnother(t *testing.T) {
	outer, inner := &request.Info{}, &request.Info{}
	ctx := request.With(t.Context(), outer)
	if request.With(ctx, inner); outer.Nested || !inner.Nested {
		t.Errorf("nested are %v and %v", outer.Nested, inner.Nested)
	}
}
