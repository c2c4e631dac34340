package apis

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// A case is a pair of files in testdata; -update writes what the code says now.
var update = flag.Bool("update", false, "write the expected files")

const uid types.UID = "00000000-0000-0000-0000-000000000000"

// TestCreate compares what is stored for a new object: defaulted, prepared, canonical, and valid.
// The expected files were recorded from a kube-apiserver v1.36.3 without its admission plugins.
func TestCreate(t *testing.T) {
	rows := All()
	golden(t, "create", func(t *testing.T, in []byte) []byte {
		obj, v, r := decode(t, rows, in)
		stored := create(t, obj, v, r)
		if r.Validate != nil {
			if errs := r.Validate(context.Background(), stored); len(errs) > 0 {
				t.Errorf("invalid: %v", errs.ToAggregate())
			}
		}
		return encode(t, fromStorage(t, stored, v), r, v)
	})
}

// golden runs a function on each testdata/<folder>/*.in.yaml and compares with the *.out.yaml beside it.
func golden(t *testing.T, folder string, run func(t *testing.T, in []byte) []byte) {
	inputs, err := filepath.Glob(filepath.Join("testdata", folder, "*.in.yaml"))
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no cases in %s: %v", folder, err)
	}
	for _, input := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(input), ".in.yaml"), func(t *testing.T) {
			in, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			got := run(t, in)
			output := strings.TrimSuffix(input, ".in.yaml") + ".out.yaml"
			if *update {
				if err := os.WriteFile(output, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(normal(t, want), normal(t, got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// create does to an object what the API server does before it is stored.
func create(t *testing.T, obj resource.Object, v *resource.Version, r *resource.Resource) resource.Object {
	t.Helper()
	if v.Default != nil {
		v.Default(obj)
		once := obj.DeepCopyObject()
		if v.Default(obj); !equality.Semantic.DeepEqual(once, obj) {
			t.Error("defaults differ the second time")
		}
	}
	stored := obj
	if v.ToStorage != nil {
		var err error
		if stored, err = v.ToStorage(obj); err != nil {
			t.Fatal(err)
		}
	}
	stored.SetUID(uid)
	if r.PrepareCreate != nil {
		r.PrepareCreate(context.Background(), stored)
	}
	if r.Canonicalize != nil {
		r.Canonicalize(stored)
	}
	return stored
}

func fromStorage(t *testing.T, stored resource.Object, v *resource.Version) resource.Object {
	t.Helper()
	if v.FromStorage == nil {
		return stored
	}
	obj, err := v.FromStorage(stored)
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

func decode(t *testing.T, rows []*resource.Resource, in []byte) (resource.Object, *resource.Version, *resource.Resource) {
	t.Helper()
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(in, &head); err != nil {
		t.Fatal(err)
	}
	gvk := schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)
	for _, r := range rows {
		v := r.Version(gvk.Version)
		if r.Group != gvk.Group || r.Kind != gvk.Kind || v == nil {
			continue
		}
		obj := v.New()
		if err := yaml.UnmarshalStrict(in, obj); err != nil {
			t.Fatal(err)
		}
		return obj, v, r
	}
	t.Fatalf("no row for %v", gvk)
	return nil, nil, nil
}

func encode(t *testing.T, obj resource.Object, r *resource.Resource, v *resource.Version) []byte {
	t.Helper()
	obj.SetUID("")
	obj.GetObjectKind().SetGroupVersionKind(r.GroupVersionKind(v.Name))
	out, err := yaml.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func normal(t *testing.T, in []byte) any {
	t.Helper()
	var out any
	if err := yaml.Unmarshal(bytes.TrimSpace(in), &out); err != nil {
		t.Fatal(err)
	}
	if object, ok := out.(map[string]any); ok {
		if status, ok := object["status"].(map[string]any); ok {
			delete(status, "lastPhaseTransitionTime") // the clock's
			conditions, _ := status["conditions"].([]any)
			for _, condition := range conditions {
				delete(condition.(map[string]any), "lastTransitionTime")
			}
		}
		if spec, ok := object["spec"].(map[string]any); ok && object["kind"] == "CertificateSigningRequest" {
			for _, name := range []string{"username", "groups", "extra"} {
				delete(spec, name) // the API server's, which knows the user
			}
		}
	}
	return out
}
