package extensions_test

import (
	"fmt"
	"runtime"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TestMemoryOfDefinitions serves many definitions and looks at what each costs while nobody uses it.
func TestMemoryOfDefinitions(t *testing.T) {
	if testing.Short() {
		t.Skip("measures, and takes a second")
	}
	const many, most = 100, 100 << 10
	s := newServer(t)
	before := heap()
	for i := range many {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		crd.Name = fmt.Sprintf("things%d.example.com", i)
		spec := &crd.Spec
		spec.Group, spec.Scope = "example.com", apiextensionsv1.NamespaceScoped
		spec.Names = apiextensionsv1.CustomResourceDefinitionNames{Plural: fmt.Sprintf("things%d", i), Kind: fmt.Sprintf("Thing%d", i)}
		spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{version("v1", true, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"), version("v2", false, "a", "b")}
		if err := s.client.Create(t.Context(), crd); err != nil {
			t.Fatal(err)
		}
		s.await(t, crd, func() bool { return len(crd.Status.Conditions) == 2 })
	}
	if each := (heap() - before) / many; each > most {
		t.Errorf("a definition costs %d KiB, want at most %d", each>>10, most>>10)
	} else {
		t.Logf("a definition costs %d KiB", each>>10)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
