package apiserver

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

func TestChangesOfADefinitionThatCannotBeDecodedFail(t *testing.T) {
	ts := newServer(t)
	const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/boats.example.com"
	next := storage.Op{Key: definitionKey, Value: []byte(`{"metadata":5}`)}
	if _, err := ts.server.Store.Commit(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	want := ts.get(path)
	if want.code != http.StatusInternalServerError {
		t.Fatalf("reading it answered %d: %s", want.code, want.body)
	}
	const body = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"boats.example.com"},"spec":{"group":"example.com",
		"scope":"Cluster","names":{"plural":"boats","kind":"Boat"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}`
	for name, got := range map[string]*answered{
		"PUT": ts.put(path, body), "PATCH": ts.patch(mergePatch, path, `{"metadata":{"labels":{"a":"b"}}}`), "DELETE": ts.delete(path, ""),
	} {
		var status struct{ Message string }
		if err := json.Unmarshal(got.body, &status); err != nil || got.code != want.code || !strings.Contains(status.Message, "decoding") {
			t.Errorf("%s answered %d: %s", name, got.code, got.body)
		}
	}
}

const definitionKey = storage.Root + "apiextensions.k8s.io/customresourcedefinitions/boats.example.com"
