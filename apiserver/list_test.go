package apiserver

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apiserver/compaction"
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

// Lists that are asked for again and again show every change, each in its own encoding.
func TestListsThatRepeat(t *testing.T) {
	ts := newServer(t)
	for i := range 4 {
		ts.post(configMaps, configMap(fmt.Sprintf("c%d", i))).wants(201)
		for range 3 {
			list := ts.get(configMaps).wants(200).object()
			if got := len(names(list)); got != i+1 {
				t.Fatalf("%d objects, want %d", got, i+1)
			}
			partial := ts.get(configMaps, "Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").wants(200).object()
			if got := len(names(partial)); partial.GetKind() != "PartialObjectMetadataList" || got != i+1 {
				t.Fatalf("%d of a %s, want %d", got, partial.GetKind(), i+1)
			}
			if got := names(ts.get("/api/v1/configmaps?fieldSelector=metadata.name%3Dc0").wants(200).object()); !slices.Equal(got, []string{"c0"}) {
				t.Fatalf("selected: %v", got)
			}
		}
	}
}

// What is compressed of a list was compressed before, where it has not changed since: it is the same list.
func TestCompressedListsThatRepeat(t *testing.T) {
	ts := newServer(t)
	const objects = 140 // in several runs, and large enough to be compressed
	padded := func(name, with string) string {
		return `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"` + name + `"},"data":{"a":"` + strings.Repeat(with, 1200) + `"}}`
	}
	for i := range objects {
		ts.post(configMaps, padded(fmt.Sprintf("c%03d", i), "x")).wants(201)
	}
	for _, change := range []func(){
		func() {}, func() {}, func() {},
		func() { ts.put(configMaps+"/c000", padded("c000", "y")).wants(200) },
		func() { ts.delete(configMaps+"/c139", "").wants(200) },
		func() { ts.post(configMaps, padded("c0705", "z")).wants(201) },
		func() {
			ts.put(configMaps+"/c100", configMap("c100")).wants(200)
			ts.delete(configMaps+"/c101", "").wants(200)
		},
	} {
		change()
		for _, accept := range []string{"application/json", "application/vnd.kubernetes.protobuf", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"} {
			compressed := ts.get(configMaps, "Accept", accept, "Accept-Encoding", "gzip").wants(200)
			plain := ts.get(configMaps, "Accept", accept, "Accept-Encoding", "identity").wants(200)
			if compressed.header.Get("Content-Encoding") == "gzip" {
				reader, err := gzip.NewReader(bytes.NewReader(compressed.body))
				if err != nil {
					t.Fatal(err)
				}
				if compressed.body, err = io.ReadAll(reader); err != nil {
					t.Fatal(err)
				}
			} else if !strings.Contains(accept, "Partial") {
				t.Errorf("%s is not compressed", accept)
			}
			if !bytes.Equal(compressed.body, plain.body) {
				t.Errorf("%s: %d bytes differ from %d", accept, len(compressed.body), len(plain.body))
			}
		}
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

// A list whose next page is asked for too late goes on from the latest state, if the client wants that.
func TestPageThatIsTooOld(t *testing.T) {
	clk := clocktesting.NewFakeClock(time.Unix(1000, 0))
	ts := newServer(t, func(s *Server) { s.Clock = clk })
	for _, name := range []string{"a", "b", "c"} {
		ts.post(configMaps, configMap(name)).wants(201)
	}
	first := ts.get(configMaps + "?limit=1").wants(200).object()
	next := "?limit=1&continue=" + url.QueryEscape(first.GetContinue())
	ts.post(configMaps, configMap("b2")).wants(201)
	ctx, end := context.WithCancel(context.Background())
	var compacting sync.WaitGroup
	compacting.Go(func() { _ = ts.server.Compact(ctx) })
	defer compacting.Wait()
	defer end()
	for range compaction.Age / compaction.Every {
		until(clk.HasWaiters)
		ts.get(configMaps + next).wants(200)
		clk.Step(compaction.Every)
	}
	revision, err := strconv.ParseInt(first.GetResourceVersion(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for ts.server.reader.Compacted.Load() <= revision { // the first look may have been too early, and a step while it was not waiting
		clk.Step(compaction.Every)
		runtime.Gosched()
	}
	refusal := ts.get(configMaps + next).wants(410).says("use the continue token in this response").status()
	if refusal.Reason != metav1.StatusReasonExpired || refusal.Continue == "" {
		t.Fatalf("refused with %+v", refusal)
	}
	second := ts.get(configMaps + "?limit=1&continue=" + url.QueryEscape(refusal.Continue)).wants(200).object()
	rest, _, _ := unstructured.NestedFloat64(second.Object, "metadata", "remainingItemCount")
	if got := names(second); !slices.Equal(got, []string{"b"}) || rest != 2 || second.GetResourceVersion() == first.GetResourceVersion() {
		t.Errorf("the next page is %v of revision %s, %v remain", got, second.GetResourceVersion(), rest)
	}
	ts.get(configMaps + "?resourceVersionMatch=Exact&resourceVersion=" + first.GetResourceVersion()).wants(410)
}

// until waits for what another goroutine does.
func until(done func() bool) {
	for !done() {
		runtime.Gosched()
	}
}
