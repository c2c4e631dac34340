package codec

import (
	"bytes"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What is spliced is what encoding again gives, also where lengths need more bytes than before.
func TestVersioned(t *testing.T) {
	for _, name := range []string{"", "a", strings.Repeat("n", 60), strings.Repeat("n", 112), strings.Repeat("n", 16<<10)} {
		for _, version := range []string{"1", "12345678", "9223372036854775807"} {
			for size := range 140 {
				obj := &corev1.ConfigMap{
					TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
					ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: "u", Labels: map[string]string{"a": "b"}},
					Data:       map[string]string{"key": strings.Repeat("v", size)},
				}
				stored, err := EncodeStored(obj)
				if err != nil {
					t.Fatal(err)
				}
				obj.ResourceVersion = version
				want, err := Encode(obj, Protobuf)
				if err != nil {
					t.Fatal(err)
				}
				head, rest, ok := Versioned(stored, version)
				if got := append(bytes.Clone(head), rest...); !ok || !bytes.Equal(got, want) {
					t.Fatalf("name of %d, version %s, value of %d: %v\n%q\n%q", len(name), version, size, ok, got, want)
				}
			}
		}
	}
}

func TestVersionedLeavesOthersAlone(t *testing.T) {
	versioned, err := EncodeStored(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", ResourceVersion: "7"}})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := EncodeStored(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	for why, data := range map[string][]byte{
		"nothing": nil, "JSON": []byte(`{"kind":"Pod"}`), "an envelope alone": magic, "an object with a version": versioned, "half of one": stored[:len(stored)/2],
	} {
		if _, _, ok := Versioned(data, "8"); ok {
			t.Errorf("%s is taken for an object without a version", why)
		}
	}
	for cut := range stored {
		_, _, _ = Versioned(stored[:cut], "8")
	}
}

// In JSON, too, what is spliced is what encoding again gives, whatever an object is called.
func TestVersionedJSON(t *testing.T) {
	const uid = "4a1cf6a6-6dd9-4b2c-9a60-1f0f2a3c5d7e"
	for _, meta := range []metav1.ObjectMeta{
		{Name: "a", UID: uid}, {Name: `"uid":"` + uid + `"`, GenerateName: `"uid":"` + uid, UID: uid, Generation: 1},
		{Name: "a", UID: uid, Annotations: map[string]string{"b": `"uid":"` + uid + `"`}, OwnerReferences: []metav1.OwnerReference{{UID: uid}}},
	} {
		obj := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta, Data: map[string]string{"key": "value"}}
		stored, err := Encode(obj, JSON)
		if err != nil {
			t.Fatal(err)
		}
		obj.ResourceVersion = "12"
		want, err := Encode(obj, JSON)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, ok := VersionedJSON(stored, uid, "12")
		if got := append(bytes.Clone(head), rest...); !ok || !bytes.Equal(got, want) {
			t.Errorf("%v\n%s\n%s", ok, got, want)
		}
		for why, ok := range map[string]bool{
			"another uid": spliced(stored, "4a1cf6a6"), "no uid": spliced(stored, ""), "a version": spliced(want, uid), "no object": spliced([]byte(`["uid":"`+uid+`"]`), uid),
		} {
			if ok {
				t.Errorf("with %s it is taken for an object without a version", why)
			}
		}
	}
}

func spliced(stored []byte, uid string) bool {
	_, _, ok := VersionedJSON(stored, uid, "12")
	return ok
}
