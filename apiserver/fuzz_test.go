package apiserver

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// FuzzContinue: a token from a client leads to no key outside of what the list is of, and one of ours is understood.
func FuzzContinue(f *testing.F) {
	const prefix = "/registry/pods/default/"
	f.Add(makeContinue(7, prefix+"p1\x00", prefix), "p2")
	f.Add(makeContinue(-1, prefix+"../../secrets/", prefix), "..")
	f.Add("eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi8ifQ", "a/../b")
	f.Fuzz(func(t *testing.T, text, name string) {
		if c, err := parseContinue(text, prefix); err == nil {
			if cleaned := path.Clean(c.start); !strings.HasPrefix(cleaned+"/", prefix) {
				t.Fatalf("%q leads to %q", text, c.start)
			}
		}
		if name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." || strings.ToValidUTF8(name, "") != name {
			return
		}
		c, err := parseContinue(makeContinue(7, prefix+name, prefix), prefix)
		if err != nil || c.revision != 7 || c.start != prefix+name {
			t.Fatalf("%q came back as %+v, %v", name, c, err)
		}
	})
}

// FuzzSelection: a selector that is accepted can be asked about any object, and means the same when it is read again.
func FuzzSelection(f *testing.F) {
	for _, seed := range [][2]string{
		{"app=web,tier!=db", "metadata.name=p"}, {"a in (b,c),!d,e notin (),f>1", "status.phase!=Running,spec.nodeName="},
		{"x.y/z==1", `metadata.namespace=a\,b\=c\\`}, {"(", "a=b=c"}, {"app in (", "spec.unknown=1"},
	} {
		f.Add(seed[0], seed[1], "app", "web")
	}
	row := resource.Find(apis.All(), "", "pods")
	f.Fuzz(func(t *testing.T, labelText, fieldText, key, value string) {
		s, err := parseSelection(row, labelText, fieldText)
		if err != nil {
			return
		}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: value, Namespace: key, Labels: map[string]string{key: value}}}
		matched := s.matches(pod)
		labelText, fieldText = "", ""
		if s.labels != nil {
			labelText = s.labels.String()
		}
		if s.fields != nil {
			fieldText = s.fields.String()
		}
		again, err := parseSelection(row, labelText, fieldText)
		if err != nil {
			t.Fatalf("%q %q is not read again: %v", labelText, fieldText, err)
		}
		if again.matches(pod) != matched {
			t.Fatalf("%q %q matches another time", labelText, fieldText)
		}
	})
}

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
			how, err := patcher(patchType, patch, &appsv1.Deployment{})
			if err != nil {
				continue
			}
			got, err := how.apply([]byte(patchedDeployment))
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
