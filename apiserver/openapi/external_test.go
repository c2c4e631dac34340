package openapi_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

// external is a server that describes a path which refers to its definitions.
func external(path, definitions string) *openapi.External {
	e := &openapi.External{Hash: path + definitions}
	if err := json.Unmarshal([]byte(definitions), &e.Definitions); err != nil {
		panic(err)
	}
	all := &strings.Builder{}
	for name := range e.Definitions {
		all.WriteString(`,{"$ref": "#/definitions/` + name + `"}`)
	}
	e.Paths = map[string]json.RawMessage{path: json.RawMessage(`{"x":[` + strings.TrimPrefix(all.String(), ",") + `]}`)}
	return e
}

// merged is the document of v2 with what others say, each of its paths being there once.
func merged(t *testing.T, others map[string]*openapi.External) (paths, definitions map[string]json.RawMessage) {
	t.Helper()
	documents := openapi.New(apis.All()[:1], "v1.36.3")
	documents.SetExternals(others)
	data := read(t, ask(t, documents, "/openapi/v2"))
	var v2 struct{ Paths, Definitions map[string]json.RawMessage }
	if err := json.Unmarshal(data, &v2); err != nil {
		t.Fatalf("%v: %.200s", err, data)
	}
	for path := range v2.Paths {
		if n := strings.Count(string(data), `"`+path+`":`); n > 1 {
			t.Errorf("%s is there %d times", path, n)
		}
	}
	return v2.Paths, v2.Definitions
}

func TestOddServersAreLeftOut(t *testing.T) {
	paths, definitions := merged(t, map[string]*openapi.External{
		"a": external("/apis/a/v1", `{"a.No": 5}`),
		"b": external("/apis/b/v1", `{"b.Kinds": {"x-kubernetes-group-version-kind": {"kind": "B"}}}`),
		"c": {Hash: "c", Paths: map[string]json.RawMessage{"/apis/c/v1": json.RawMessage(`"text"`)}},
		"d": external("/apis/d/v1", `{"d.Good": {"type": "object"}}`),
	})
	for path, want := range map[string]bool{"/apis/a/v1": false, "/apis/b/v1": false, "/apis/c/v1": false, "/apis/d/v1": true} {
		if got := paths[path] != nil; got != want {
			t.Errorf("%s is described: %t", path, got)
		}
	}
	if definitions["d.Good"] == nil || definitions["a.No"] != nil {
		t.Errorf("definitions %v", maps.Keys(definitions))
	}
}

func TestOddNamesAreJSON(t *testing.T) {
	paths, definitions := merged(t, map[string]*openapi.External{"a": external("/apis/a/v1/{\x7f\U000e0001}", "{\"a.\U000e0001\": {\"type\": \"object\"}}")})
	if paths["/apis/a/v1/{\x7f\U000e0001}"] == nil || definitions["a.\U000e0001"] == nil {
		t.Error("what has an odd name is not there")
	}
}

func TestVersionsOfAGroupDescribeItOnce(t *testing.T) {
	one, two := external("/apis/a/", `{}`), external("/apis/a/", `{}`)
	two.Paths["/apis/a/v2"] = json.RawMessage(`{}`)
	if paths, _ := merged(t, map[string]*openapi.External{"v1.a": one, "v2.a": two}); paths["/apis/a/"] == nil || paths["/apis/a/v2"] == nil {
		t.Errorf("paths %v", maps.Keys(paths))
	}
}

func TestRenamesDoNotFollowEachOther(t *testing.T) {
	paths, definitions := merged(t, map[string]*openapi.External{
		"a": external("/apis/a/v1", `{"X": {"title": "a"}, "X_v2": {"title": "a2"}}`),
		"b": external("/apis/b/v1", `{"X": {"title": "b", "items": {"$ref": "#/definitions/X_v2"}}, "X_v2": {"title": "b2"}}`),
	})
	title := func(name string) (title, items string) {
		var d struct {
			Title string
			Items struct {
				Ref string `json:"$ref"`
			}
		}
		if err := json.Unmarshal(definitions[name], &d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return d.Title, strings.TrimPrefix(d.Items.Ref, "#/definitions/")
	}
	found := map[string]bool{}
	for name := range definitions {
		if !strings.HasPrefix(name, "X") {
			continue
		}
		of, items := title(name)
		found[of] = true
		if items == "" {
			continue
		}
		if to, _ := title(items); to != "b2" {
			t.Errorf("%s refers to %s", of, to)
		}
	}
	if len(found) != 4 || paths["/apis/b/v1"] == nil {
		t.Errorf("definitions are of %v", found)
	}
}
