package codec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

const rich = `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","creationTimestamp":"2026-01-02T03:04:05Z","annotations":{"a":"\u00e9\n"}},
"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"100m","memory":"1Gi"}},"livenessProbe":{"httpGet":{"path":"/","port":"web"}}}],
"terminationGracePeriodSeconds":30,"volumes":[{"name":"v","emptyDir":{"sizeLimit":"1.5Gi"}}]}}`

// FuzzDecode: what is read in any of the media types is written and read again as the same object in all of them.
func FuzzDecode(f *testing.F) {
	pod := &corev1.Pod{}
	if _, err := codec.DecodePlain([]byte(rich), codec.JSON, pod); err != nil {
		f.Fatal(err)
	}
	for _, media := range []codec.Media{codec.JSON, codec.YAML, codec.Protobuf} {
		data, err := codec.Encode(pod, media)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, int(media))
	}
	for _, seed := range []string{`{"metadata":{"name":"p"},"metadata":{}}`, "a: &a [*a]", "{", "k8s\x00", "k8s\x00\x0a\x00\x12\xff\xff\xff\xff\x0f", `{"spec":{"containers":null}}`, "kind: Pod\nspec:\n  containers:\n  - {}\n"} {
		f.Add([]byte(seed), 0)
		f.Add([]byte(seed), 1)
		f.Add([]byte(seed), 2)
	}
	decoder := codec.NewDecoder(newScheme(f))
	kind := corev1.SchemeGroupVersion.WithKind("Pod")
	f.Fuzz(func(t *testing.T, data []byte, which int) {
		media := codec.Media(uint(which) % 3)
		read := &corev1.Pod{}
		if _, err := decoder.Decode(codec.Body{Data: data, Media: media, Strict: true}, kind, read); err != nil {
			return
		}
		for _, through := range []codec.Media{codec.JSON, codec.Protobuf} {
			written, err := codec.Encode(read, through)
			if err != nil {
				if through == codec.Protobuf || media == codec.Protobuf {
					return // text that is not UTF-8, times out of range
				}
				t.Fatalf("%q: %v", data, err)
			}
			again := &corev1.Pod{}
			if _, err := decoder.Decode(codec.Body{Data: written, Media: through}, kind, again); err != nil {
				if media == codec.Protobuf && through == codec.JSON {
					return // quantities and times that only protobuf can spell
				}
				t.Fatalf("%q was written as %q, which is refused: %v", data, written, err)
			}
			if media != codec.Protobuf && !equality.Semantic.DeepEqual(read, again) {
				t.Fatalf("%q through %s:\n%s", data, through, cmp.Diff(read, again))
			}
		}
	})
}

// FuzzDecodeStored: whatever is in the store is read or refused, and what is read can be stored again.
func FuzzDecodeStored(f *testing.F) {
	stored, err := codec.EncodeStored(configMap("one"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stored)
	f.Add(stored[:len(stored)-3])
	f.Add([]byte("k8s\x00\x0a\x0c\x0a\x02v1\x12\x06Secret"))
	f.Add([]byte(`{"kind":"ConfigMap","apiVersion":"v1"}`))
	f.Add([]byte(`{"kind":"ConfigMap","ApiVersion":"00"}`)) // a glance saw a version here
	f.Fuzz(func(t *testing.T, data []byte) {
		obj := &corev1.ConfigMap{}
		kind, err := codec.DecodeStored(data, obj)
		if err != nil {
			return
		}
		if peeked, err := codec.PeekKind(data); err != nil || peeked != kind {
			t.Fatalf("%q is a %s, at a glance a %s: %v", data, kind, peeked, err)
		}
		obj.SetGroupVersionKind(kind)
		if _, err := codec.EncodeStored(obj); err != nil {
			t.Fatalf("%q cannot be stored again: %v", data, err)
		}
	})
}
