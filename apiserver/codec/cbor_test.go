package codec_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

func TestSplicedListInCBORIsAList(t *testing.T) {
	list := &codec.List{Kind: corev1.SchemeGroupVersion.WithKind("ConfigMapList"), Item: corev1.SchemeGroupVersion.WithKind("ConfigMap"), Meta: metav1.ListMeta{ResourceVersion: "7"}}
	want := &corev1.ConfigMapList{TypeMeta: metav1.TypeMeta{Kind: "ConfigMapList", APIVersion: "v1"}, ListMeta: list.Meta}
	for range 300 { // more than the shortest lengths can say
		item := configMap("one")
		data, err := codec.Encode(item, codec.CBOR)
		if err != nil {
			t.Fatal(err)
		}
		list.Items, want.Items = append(list.Items, [][]byte{data}), append(want.Items, *item)
	}
	var out bytes.Buffer
	if err := list.Write(&out, codec.CBOR); err != nil {
		t.Fatal(err)
	}
	got := &corev1.ConfigMapList{}
	if err := direct.Unmarshal(out.Bytes(), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFrameInCBORIsAnEvent(t *testing.T) {
	data, err := codec.Encode(configMap("one"), codec.CBOR)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := codec.WriteFrame(&out, codec.CBOR, "ADDED", data); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Type   string            `json:"type"`
		Object *corev1.ConfigMap `json:"object"`
	}
	if err := direct.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(configMap("one"), got.Object); diff != "" || got.Type != "ADDED" {
		t.Errorf("%s: %s", got.Type, diff)
	}
}

// FuzzJSONFromCBOR: whatever is read becomes JSON.
func FuzzJSONFromCBOR(f *testing.F) {
	data, err := codec.Encode(configMap("one"), codec.CBOR)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{data, {0xa0}, {0x9f}, {0xd9, 0xd9, 0xf7, 0xa1, 0x41, 'a', 0xfb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{0x81}, 1000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := codec.JSONFromCBOR(data); err == nil && !json.Valid(got) {
			t.Errorf("%x became %q", data, got)
		}
	})
}
