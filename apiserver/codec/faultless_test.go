package codec

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
)

// TestJSONIsReadOnceAsTwice: what is read without looking for its kind first is read, warned of and refused as it was with that.
func TestJSONIsReadOnceAsTwice(t *testing.T) {
	d, kind := NewDecoder(clientscheme.Scheme), corev1.SchemeGroupVersion.WithKind("ConfigMap")
	text := func(errs ...error) (all []string) {
		for _, err := range errs {
			if err != nil {
				all = append(all, err.Error())
			}
		}
		return all
	}
	for _, body := range []string{
		`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"k":"v"}}`,
		`{"apiVersion":"v1","kind":"ConfigMap","Kind":"Pod","data":{"k":"v"}}`,
		`{"apiVersion":"v1","kind":"ConfigMap","kind":"Pod"}`, `{"apiVersion":"v1","kind":"Pod","kind":"ConfigMap"}`,
		`{"apiVersion":"v1","kind":"ConfigMap","data":{"k":"v","k":"w"}}`, `{"apiVersion":"v1","kind":"ConfigMap","other":1}`,
		`{"apiVersion":"v1","kind":"ConfigMap","data":{"k":1}}`, `{"apiVersion":"v1","kind":"configmap"}`, `{"apiVersion":"v2","kind":"ConfigMap"}`,
		`{"data":{"k":"v"}}`, `{"kind":"ConfigMap"}`, `{"apiVersion":"v1"}`, `{}`, `null`, `[]`, ``, `{"kind":1}`, `{"apiVersion":"a/b/c","kind":"ConfigMap"}`,
		`{"apiVersion":"v1","kind":"ConfigMap"} `, `{"apiVersion":"v1","kind":"ConfigMap"}x`, `{"apiVersion":"v1","kind":"ConfigMap","metadata":null}`,
	} {
		got, want := &corev1.ConfigMap{}, &corev1.ConfigMap{}
		faults, err := d.Decode(Body{Data: []byte(body), Strict: true}, kind, got)
		var found runtime.Object
		wantFaults, found, actual, wantErr := decodeWith(d.strict[JSON], Body{Data: []byte(body)}, kind, want)
		if wantErr == nil && (found != want || actual.GroupVersion() != kind.GroupVersion()) {
			wantErr = mismatch(*actual, kind)
		}
		if wantErr != nil {
			wantFaults = nil
		}
		if diff := cmp.Diff(text(append(wantFaults, wantErr)...), text(append(faults, err)...)); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
		if want.SetGroupVersionKind(kind); err == nil && !cmp.Equal(want, got) {
			t.Errorf("%s: %s", body, cmp.Diff(want, got))
		}
	}
}

// TestCBORIsReadAsItWasSent: what was rewritten as JSON, to be read for other things, is not what is decoded, however strictly.
func TestCBORIsReadAsItWasSent(t *testing.T) {
	d, kind := NewDecoder(clientscheme.Scheme), corev1.SchemeGroupVersion.WithKind("Pod")
	for _, body := range []map[string]any{
		{"spec": map[string]any{"priority": int64(1)}}, {"spec": map[string]any{"priority": 1.0}}, {"spec": map[string]any{"priority": 1.5}},
		{"spec": map[string]any{"containers": []any{map[string]any{"resources": map[string]any{"limits": map[string]any{"cpu": 1}}}}}},
	} {
		body["apiVersion"], body["kind"] = "v1", "Pod"
		data, err := direct.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		data = slices.Concat(selfDescribed, data)
		rewritten, err := JSONFromCBOR(data)
		if err != nil {
			t.Fatal(err)
		}
		_, lax := d.Decode(Body{Data: rewritten, CBOR: data}, kind, &corev1.Pod{})
		_, strict := d.Decode(Body{Data: rewritten, CBOR: data, Strict: true}, kind, &corev1.Pod{})
		if (lax == nil) != (strict == nil) {
			t.Errorf("%v: read strictly, %v; else %v", body, strict, lax)
		}
	}
}
