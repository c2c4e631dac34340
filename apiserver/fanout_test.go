package apiserver

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/h2"
)

// Watches of one connection, of whatever form, see every change once and in order, also beside one that is not read.
func TestWatchesOfOneConnection(t *testing.T) {
	const changes, large = 60, 160 << 10 // more than the 4 MiB that the client takes unread
	ts := newServer(t)
	created := ts.post(configMaps, `{"metadata":{"name":"watched","labels":{"is":"watched"}}}`).wants(201)
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal(created.body, &object); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(ts.handler)
	server.Listener = h2.Listener{Listener: server.Listener}
	server.EnableHTTP2 = true
	new(h2.Server).Attach(server.Config)
	server.StartTLS()
	defer server.Close()
	open := func(accept, query string) io.ReadCloser {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+configMaps+"?watch=true&resourceVersion="+object.ResourceVersion+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
			t.Fatalf("%s %s", response.Proto, response.Status)
		}
		return response.Body
	}
	const plain, partial, table = "application/json", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", "application/json;as=Table;g=meta.k8s.io;v=v1"
	unread := open(plain, "")
	defer unread.Close()
	seen := map[string]*[]string{}
	var reading sync.WaitGroup
	read := func(what string, body io.ReadCloser) {
		revisions := &[]string{}
		seen[what] = revisions
		reading.Go(func() {
			defer body.Close()
			*revisions = revisionsOf(t, body, changes)
		})
	}
	for i := range 3 {
		read(fmt.Sprint("objects ", i), open(plain, ""))
		read(fmt.Sprint("by name ", i), open(plain, "&fieldSelector=metadata.name%3Dwatched"))
		read(fmt.Sprint("by label ", i), open(plain, "&labelSelector=is%3Dwatched"))
		read(fmt.Sprint("metadata ", i), open(partial, ""))
		read(fmt.Sprint("tables ", i), open(table, ""))
	}
	var want []string
	for i := range changes {
		size := i%2*large + 1
		body := fmt.Sprintf(`{"data":{"change":"%d%s"}}`, i, strings.Repeat("x", size))
		changed := ts.patch("application/merge-patch+json", configMaps+"/watched", body).wants(200)
		if err := json.Unmarshal(changed.body, &object); err != nil {
			t.Fatal(err)
		}
		want = append(want, object.ResourceVersion)
	}
	reading.Wait()
	seen["unread before"] = new([]string)
	*seen["unread before"] = revisionsOf(t, unread, changes)
	for what, got := range seen {
		if !slices.Equal(*got, want) {
			t.Errorf("%s: %d of %d changes were seen", what, len(*got), len(want))
		}
	}
}

// revisionsOf reads so many events, and returns the revisions that they tell of.
func revisionsOf(t *testing.T, body io.Reader, events int) (revisions []string) {
	decoder := json.NewDecoder(body)
	for range events {
		var event struct {
			Type   string
			Object metav1.PartialObjectMetadata
		}
		if err := decoder.Decode(&event); err != nil {
			t.Error(err)
			return revisions
		}
		if event.Type != "MODIFIED" {
			t.Errorf("an event is %s", event.Type)
		}
		revisions = append(revisions, event.Object.ResourceVersion)
	}
	return revisions
}
