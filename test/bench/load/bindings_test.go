package load

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// event of a watch in protobuf.
func event(t *testing.T, kind string, object runtime.Object) []byte {
	t.Helper()
	raw, err := Encode(object, corev1.SchemeGroupVersion, Protobuf)
	if err != nil {
		t.Fatal(err)
	}
	data, err := (&metav1.WatchEvent{Type: kind, Object: runtime.RawExtension{Raw: raw}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
}

func podAt(name, revision, node string) *corev1.Pod {
	pod := Requesting(name)
	pod.ResourceVersion, pod.Spec.NodeName = revision, node
	return pod
}

// The server ends the first watch; the second goes on where it ended.
func TestFollowBindings(t *testing.T) {
	watches := map[string][]byte{
		"7": append(event(t, "ADDED", podAt("a", "8", "")), event(t, "MODIFIED", podAt("a", "9", "node-1"))...),
		"9": append(event(t, "ADDED", podAt("b", "11", "node-2")), event(t, "ADDED", podAt("c", "12", ""))...),
	}
	config := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(watches[r.URL.Query().Get("resourceVersion")])
	})
	var seen []string
	if err := FollowBindings(t.Context(), config, "default", "7", func(name, node string) bool {
		seen = append(seen, name+" "+node)
		return name == "b"
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a ", "a node-1", "b node-2"}, seen); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEventsThatEndAWatch(t *testing.T) {
	whole := event(t, "ADDED", podAt("a", "8", ""))
	for name, c := range map[string]struct {
		stream []byte
		want   string
	}{
		"an error":        {event(t, "ERROR", &metav1.Status{Message: "too old"}), "too old"},
		"half an event":   {whole[:len(whole)/2], "unexpected EOF"},
		"no revision":     {event(t, "ADDED", podAt("a", "", "")), "without a revision"},
		"something else":  {[]byte{0, 0, 0, 3, 1, 2, 3}, "decoding an event"},
		"an empty object": {[]byte{0, 0, 0, 0}, "no object in protobuf"},
	} {
		f := follower{see: func(string, string) bool { return false }}
		if _, err := f.read(bytes.NewReader(c.stream)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
