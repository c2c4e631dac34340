package apiserver

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func names(list *unstructured.Unstructured) []string {
	var all []string
	items, _, _ := unstructured.NestedSlice(list.Object, "items")
	for _, item := range items {
		all = append(all, (&unstructured.Unstructured{Object: item.(map[string]any)}).GetName())
	}
	return all
}

func TestPagesShowOneRevision(t *testing.T) {
	ts := newServer(t)
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("c%d", i)
		want = append(want, name)
		ts.post(configMaps, configMap(name)).wants(201)
	}
	var got []string
	next, revision := "", ""
	for page := 0; page == 0 || next != ""; page++ {
		list := ts.get(configMaps + "?limit=3&continue=" + url.QueryEscape(next)).wants(200).object()
		got = append(got, names(list)...)
		next, _, _ = unstructured.NestedString(list.Object, "metadata", "continue")
		at, _, _ := unstructured.NestedString(list.Object, "metadata", "resourceVersion")
		if revision == "" {
			revision = at
			if rest, _, _ := unstructured.NestedFloat64(list.Object, "metadata", "remainingItemCount"); rest != 4 {
				t.Errorf("%v remain, want 4", rest)
			}
		}
		if at != revision {
			t.Errorf("page %d is of revision %s, want %s", page, at, revision)
		}
		// What comes between the pages is not in them.
		ts.post(configMaps, configMap(fmt.Sprintf("d%d", page))).wants(201)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestListByResourceVersion(t *testing.T) {
	ts := newServer(t)
	first := ts.post(configMaps, configMap("one")).wants(201).object().GetResourceVersion()
	ts.post(configMaps, configMap("two")).wants(201)
	cases := map[string]struct {
		query string
		want  int
	}{
		"fresh":                       {"", 2},
		"not older, which may be new": {"resourceVersion=" + first + "&resourceVersionMatch=NotOlderThan", 2},
		"exactly then":                {"resourceVersion=" + first + "&resourceVersionMatch=Exact", 1},
		"a limit makes it exact":      {"resourceVersion=" + first + "&limit=5", 1},
		"by name":                     {"fieldSelector=metadata.name%3Dtwo", 1},
		"not by name":                 {"fieldSelector=metadata.name%21%3Dtwo", 1},
	}
	for why, c := range cases {
		if got := names(ts.get(configMaps + "?" + c.query).wants(200).object()); len(got) != c.want {
			t.Errorf("%s: got %v, want %d", why, got, c.want)
		}
	}
	ts.get(configMaps + "?resourceVersion=1000000").wants(504).says("Too large resource version")
}

func TestListItemsHaveNoKindOfTheirOwn(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	list := ts.get("/api/v1/configmaps").wants(200).object()
	items, _, _ := unstructured.NestedSlice(list.Object, "items")
	if len(items) != 1 || items[0].(map[string]any)["kind"] != nil || list.GetKind() != "ConfigMapList" {
		t.Errorf("got %v", list)
	}
	ts.get(configMaps, "Accept", "application/yaml").wants(200).says("kind: ConfigMapList")
	ts.get(configMaps, "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").wants(200).says(`"kind":"Table"`).says(`"cells":["one"`)
	ts.get(configMaps, "Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").wants(200).says(`"kind":"PartialObjectMetadata"`)
}
