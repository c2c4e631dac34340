package requests

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMutations(t *testing.T) {
	object := map[string]any{"kind": "A", "spec": map[string]any{"n": int64(1)}}
	var names []string
	for _, m := range mutations(object) {
		names = append(names, m.name)
	}
	want := []string{
		".spec missing", ".spec empty", ".spec with something unknown", ".spec a list",
		".spec.n missing", ".spec.n negative", ".spec.n zero", ".spec.n big", ".spec.n a string",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"kind": "A", "spec": map[string]any{"n": int64(1)}}, object); diff != "" {
		t.Errorf("the object itself has changed (-want +got)\n%s", diff)
	}
}

func TestAllCanBeRead(t *testing.T) {
	all, err := All("../testdata", "../../../apis/testdata")
	if err != nil {
		t.Fatal(err)
	}
	if few := 5000; len(all) < few {
		t.Errorf("only %d requests, want at least %d", len(all), few)
	}
	for i := range all {
		checkFilled(t, &all[i])
	}
}

// checkFilled fails where the method of a request is none: nobody answers that, which is alike on both sides.
func checkFilled(t *testing.T, r *Request) {
	t.Helper()
	if strings.Trim(r.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" || r.Method == "" || !strings.HasPrefix(r.Path, "/") {
		t.Errorf("%s: %s %s", r.ID(), r.Method, r.Path)
	}
	for i := range r.During {
		checkFilled(t, &r.During[i])
	}
}
