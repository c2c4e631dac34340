package apiserver

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/apis"
)

// event is one frame of a watch in JSON.
type event struct {
	Type   string
	Object unstructured.Unstructured
}

// watching reads a watch until the test ends.
func (ts *testServer) watching(path string) func() event {
	ts.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	ts.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.url+path, nil)
	if err != nil {
		ts.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		ts.t.Fatal(err)
	}
	ts.t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		ts.t.Fatalf("watch answered %s", response.Status)
	}
	lines := bufio.NewReader(response.Body)
	return func() event {
		ts.t.Helper()
		line, err := lines.ReadBytes('\n')
		if err != nil {
			ts.t.Fatalf("watch ended: %v", err)
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			ts.t.Fatalf("%v: %s", err, line)
		}
		return e
	}
}

func (e event) wants(t *testing.T, eventType, name string) event {
	t.Helper()
	if e.Type != eventType || e.Object.GetName() != name {
		t.Fatalf("got %s %s, want %s %s", e.Type, e.Object.GetName(), eventType, name)
	}
	return e
}

func TestWatchFollowsSelectors(t *testing.T) {
	ts := newServer(t)
	next := ts.watching(configMaps + "?watch=1&labelSelector=on%3Dyes")
	ts.post(configMaps, configMap("other")).wants(201)
	ts.post(configMaps, configMap("one")).wants(201)
	ts.patch(mergePatch, configMaps+"/one", `{"metadata":{"labels":{"on":"yes"}}}`).wants(200)
	next().wants(t, "ADDED", "one")
	ts.patch(mergePatch, configMaps+"/one", `{"data":{"b":"2"}}`).wants(200)
	next().wants(t, "MODIFIED", "one")
	ts.patch(mergePatch, configMaps+"/one", `{"metadata":{"labels":{"on":"no"}}}`).wants(200)
	next().wants(t, "DELETED", "one")
}

func TestWatchSendsTheInitialStateAndItsEnd(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	next := ts.watching(configMaps + "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan")
	next().wants(t, "ADDED", "one")
	bookmark := next().wants(t, "BOOKMARK", "")
	if bookmark.Object.GetAnnotations()[metav1.InitialEventsAnnotationKey] != "true" {
		t.Errorf("the bookmark does not end the initial events: %v", bookmark)
	}
	ts.delete(configMaps+"/one", "").wants(200)
	next().wants(t, "DELETED", "one")
}

func TestWatchEndsAtItsTimeout(t *testing.T) {
	ts := newServer(t)
	start := time.Now()
	ts.get(configMaps + "?watch=1&timeoutSeconds=1").wants(200)
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("the watch took %s", took)
	}
}

func TestProtobufClientListsAndWatches(t *testing.T) {
	ts := newServer(t)
	scheme := apis.NewScheme()
	client, err := rest.RESTClientFor(&rest.Config{Host: ts.url, APIPath: "/api", ContentConfig: rest.ContentConfig{
		GroupVersion: &corev1.SchemeGroupVersion, NegotiatedSerializer: serializer.NewCodecFactory(scheme).WithoutConversion(),
		ContentType: runtime.ContentTypeProtobuf, AcceptContentTypes: runtime.ContentTypeProtobuf,
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	sent := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Data: map[string]string{"a": "1"}}
	if err := client.Post().Namespace("default").Resource("configmaps").Body(sent).Do(ctx).Error(); err != nil {
		t.Fatal(err)
	}
	var list corev1.ConfigMapList
	if err := client.Get().Namespace("default").Resource("configmaps").Do(ctx).Into(&list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Data["a"] != "1" || list.ResourceVersion == "" {
		t.Fatalf("listed %v", list)
	}
	watcher, err := client.Get().Namespace("default").Resource("configmaps").VersionedParams(&metav1.ListOptions{Watch: true}, metav1.ParameterCodec).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	if e := <-watcher.ResultChan(); e.Type != watch.Added || e.Object.(*corev1.ConfigMap).Data["a"] != "1" {
		t.Fatalf("watched %v", e)
	}
}

// The fields of a selection that is not of the name in the path are not passed over.
func TestWatchOfOneObjectRefusesOtherFields(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	path := strings.Replace(configMaps, "/api/v1/", "/api/v1/watch/", 1) + "/one?timeoutSeconds=1&fieldSelector="
	for _, fields := range []string{"metadata.namespace%3Dother", "metadata.name%3Dtwo"} {
		if got := ts.get(path + fields); got.code != 400 || !strings.Contains(string(got.body), "fieldSelector metadata.name doesn't match requested name") {
			t.Errorf("%s is answered with %d: %s", fields, got.code, got.body)
		}
	}
	if got := ts.get(path + "metadata.name%3Done,metadata.namespace%3Dother").wants(200); len(got.body) > 0 {
		t.Errorf("what does not match is sent: %s", got.body)
	}
	ts.watching(path+"metadata.name%3Done")().wants(t, "ADDED", "one")
}
