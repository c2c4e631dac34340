package apis

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// TestAllRowsAreWhole finds rows that lack a name, share one, or share a storage key by accident.
func TestAllRowsAreWhole(t *testing.T) {
	names := map[schema.GroupResource]bool{}
	prefixes := map[string]*resource.Resource{}
	for _, r := range All() {
		name := r.GroupResource()
		if names[name] {
			t.Errorf("%s is listed twice", name)
		}
		names[name] = true
		if r.Kind == "" || len(r.Versions) == 0 {
			t.Errorf("%s has no kind or no version", name)
		}
		if r.Virtual != (r.StoragePrefix == "") {
			t.Errorf("%s: virtual=%t with storage prefix %q", name, r.Virtual, r.StoragePrefix)
		}
		if other := prefixes[r.StoragePrefix]; r.StoragePrefix != "" && other != nil && r.StoredIn != other {
			t.Errorf("%s is stored where %s is", name, other.GroupResource())
		}
		prefixes[r.StoragePrefix] = r
		if (r.Cells == nil) != (r.Columns == nil) {
			t.Errorf("%s: columns and cells come together", name)
		}
		if (r.Fields == nil) != (r.FieldNames == nil) {
			t.Errorf("%s: field names and fields come together", name)
		}
	}
}

func TestSchemeKnowsAllTypes(t *testing.T) {
	scheme := NewScheme()
	for _, r := range All() {
		for _, v := range r.Versions {
			if gvk := r.GroupVersionKind(v.Name); !scheme.Recognizes(gvk) {
				t.Errorf("%s is not registered", gvk)
			}
		}
		for _, s := range r.Subresources {
			if k := s.GroupVersionKind; k.Kind != "" && !scheme.Recognizes(k) {
				t.Errorf("%s/%s: %s is not registered", r.Name, s.Name, k)
			}
		}
	}
}
