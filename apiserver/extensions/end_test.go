package extensions_test

import (
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// hosts are the keys of the objects that are stored.
func (s *server) hosts(t *testing.T) []string {
	t.Helper()
	page, err := s.Store.Range(t.Context(), storage.Range{Prefix: storage.Root + "example.com/hosts/"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, record := range page.Records {
		names = append(names, record.Key[strings.LastIndexByte(record.Key, '/')+1:])
	}
	return names
}

func TestDeletingADefinitionIsTriedAgain(t *testing.T) {
	s := newServer(t)
	crd := s.define(t, version("v1", true, "address"))
	if err := s.client.Create(t.Context(), host("v1", "a", nil)); err != nil {
		t.Fatal(err)
	}
	s.refuse.Store(2)
	if err := s.client.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	s.awaitGone(t, crd)
	if left := s.refuse.Load(); left >= 0 {
		t.Errorf("%d more deletions were to fail", left)
	}
	if left := s.hosts(t); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

func TestDeletingADefinitionThatIsNotServed(t *testing.T) {
	s := newServer(t)
	crd := s.define(t, version("v1", true, "address"))
	kept := host("v1", "kept", nil)
	kept.SetFinalizers([]string{"example.com/held"})
	for _, obj := range []*unstructured.Unstructured{kept, host("v1", "free", nil)} {
		if err := s.client.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	serve := func(served bool) {
		t.Helper()
		patch := client.MergeFrom(crd.DeepCopy())
		crd.Spec.Versions[0].Served = served
		if err := s.client.Patch(t.Context(), crd, patch); err != nil {
			t.Fatal(err)
		}
		s.settle(t)
	}
	serve(false)
	if err := s.client.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	s.await(t, crd, func() bool {
		return slices.ContainsFunc(crd.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
			return c.Type == apiextensionsv1.Terminating && c.Reason == "InstanceDeletionFailed" && strings.Contains(c.Message, "1 objects have finalizers")
		})
	})
	if left := s.hosts(t); !slices.Equal(left, []string{"kept"}) {
		t.Errorf("%v are left, want what has a finalizer", left)
	}
	serve(true)
	if err := s.client.Patch(t.Context(), kept, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
		t.Fatal(err)
	}
	s.awaitGone(t, crd)
	if left := s.hosts(t); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// The finalizer that the API server gives a definition that is being deleted does not stand in the way of changing it.
func TestADefinitionThatIsBeingDeletedCanBeChanged(t *testing.T) {
	s := newServer(t)
	crd := s.define(t, version("v1", true, "address"))
	kept := host("v1", "kept", nil)
	kept.SetFinalizers([]string{"example.com/held"})
	if err := s.client.Create(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	if err := s.client.Patch(t.Context(), crd, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"a":"b"}}}`))); err != nil {
		t.Error(err)
	}
}
