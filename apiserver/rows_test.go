package apiserver

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func TestRowsComeAndGoWhileServing(t *testing.T) {
	ts := newServer(t)
	ts.get("/apis/example.com/v1/namespaces/default/things").wants(404)
	row := &resource.Resource{
		Group: "example.com", Name: "things", Singular: "thing", Kind: "ConfigMap", Namespaced: true, StoragePrefix: "example.com/things",
		Versions: []resource.Version{{Name: "v1", New: resource.New[corev1.ConfigMap], NewList: resource.NewList[corev1.ConfigMapList]}},
	}
	if err := ts.server.AddRows(row); err != nil {
		t.Fatal(err)
	}
	ts.get("/apis/example.com/v1/namespaces/default/things").wants(200).says(`"kind":"ConfigMapList"`)
	ts.get("/apis/example.com/v1").wants(200).says(`"name":"things"`)
	ts.server.RemoveRow(schema.GroupResource{Group: "example.com", Resource: "things"})
	ts.get("/apis/example.com/v1/namespaces/default/things").wants(404)
}
