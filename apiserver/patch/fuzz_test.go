package patch

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"
)

const patchedDeployment = `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"d","labels":{"a":"b"},"finalizers":["x/y","x/z"]},
"spec":{"replicas":3,"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"one","image":"i","env":[{"name":"E","value":"1"}],
"ports":[{"containerPort":80,"protocol":"TCP"}]},{"name":"two","image":"j"}],"tolerations":[{"key":"k"}]}},"strategy":{"type":"RollingUpdate"}},"status":{"replicas":1}}`

var patchSeeds = []string{
	`{"metadata":{"labels":{"a":null,"c":"d"}}}`, `{"spec":{"template":{"spec":{"containers":[{"name":"one","image":"k"}]}}}}`,
	`{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"two"},{"name":"one"}],"containers":[{"name":"two","$patch":"delete"}]}}}}`,
	`{"metadata":{"$deleteFromPrimitiveList/finalizers":["x/y"]}}`, `{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}`,
	`{"$patch":"replace","kind":"Deployment"}`, `{"spec":null}`, `{"spec":[]}`, `{}`, `{"spec":{"template":{"spec":{"containers":[{"image":"x"}]}}}}`,
	`[{"op":"replace","path":"/spec/replicas","value":5},{"op":"test","path":"/metadata/name","value":"d"}]`, `[{"op":"move","from":"/spec","path":"/spec/a"}]`,
	`[{"op":"remove","path":"/spec/template/spec/containers/-1"}]`, `[{"op":"add","path":"/metadata/labels/x~1y~0z","value":{}}]`, `[{}]`, `[null]`,
}

// FuzzPatch: what is patched member by member is what a patch of the whole object makes of it.
func FuzzPatch(f *testing.F) {
	for _, seed := range patchSeeds {
		f.Add([]byte(seed))
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(&appsv1.Deployment{})
	if err != nil {
		f.Fatal(err)
	}
	whole := map[types.PatchType]func(patch []byte) ([]byte, error){
		types.JSONPatchType:  func([]byte) ([]byte, error) { return nil, nil }, // is one already
		types.MergePatchType: func(patch []byte) ([]byte, error) { return jsonpatch.MergePatch([]byte(patchedDeployment), patch) },
		types.StrategicMergePatchType: func(patch []byte) ([]byte, error) {
			members := map[string]any{}
			if err := kjson.UnmarshalCaseSensitivePreserveInts(patch, &members); err != nil {
				return nil, err
			}
			return strategicMerge([]byte(patchedDeployment), members, meta)
		},
	}
	f.Fuzz(func(t *testing.T, patch []byte) {
		for patchType, reference := range whole {
			before := bytes.Clone(patch)
			how, err := New(patchType, patch, &appsv1.Deployment{})
			if err != nil {
				continue
			}
			got, err := how.Apply([]byte(patchedDeployment))
			if !bytes.Equal(before, patch) {
				t.Fatalf("%s: the patch became %q", patchType, patch)
			}
			want, wantErr := reference(patch)
			if want == nil && wantErr == nil {
				continue
			}
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("%s %s: %v, want %v", patchType, patch, err, wantErr)
			}
			if err == nil && !sameJSON(got, want) {
				t.Fatalf("%s %s: got\n%s\nwant\n%s\n%s", patchType, patch, got, want, cmp.Diff(string(want), string(got)))
			}
		}
	})
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && cmp.Equal(x, y)
}
