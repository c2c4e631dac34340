package apiserver

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

func (ts *testServer) dial(path, accept string) *websocket.Conn {
	ts.t.Helper()
	config, err := websocket.NewConfig("ws"+strings.TrimPrefix(ts.url, "http")+path, "http://anywhere")
	if err != nil {
		ts.t.Fatal(err)
	}
	config.Header = http.Header{"Accept": {accept}}
	socket, err := config.DialContext(ts.t.Context())
	if err != nil {
		ts.t.Fatal(err)
	}
	ts.t.Cleanup(func() { _ = socket.Close() })
	_ = socket.SetDeadline(time.Now().Add(time.Minute))
	return socket
}

// Each event is a message: text that ends with a newline, or the bare message of protobuf.
func TestWatchByWebsocket(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	text := ts.dial(configMaps+"?watch=true&timeoutSeconds=5", "application/json")
	wants := func(eventType, name string) {
		t.Helper()
		var message string
		if err := websocket.Message.Receive(text, &message); err != nil {
			t.Fatal(err)
		}
		var e event
		if err := json.Unmarshal([]byte(message), &e); err != nil || !strings.HasSuffix(message, "}\n") {
			t.Fatalf("%v: %q", err, message)
		}
		e.wants(t, eventType, name)
	}
	wants("ADDED", "one")
	ts.post(configMaps, configMap("two")).wants(201)
	wants("ADDED", "two")
	ts.do(http.MethodDelete, configMaps+"/one", "").wants(200)
	wants("DELETED", "one")

	binary := ts.dial(configMaps+"?watch=true&timeoutSeconds=1", "application/vnd.kubernetes.protobuf")
	var message []byte
	if err := websocket.Message.Receive(binary, &message); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(message, []byte("k8s\x00"))
	if !bytes.HasPrefix(message, []byte("\n\x05ADDED\x12")) || at < 0 {
		t.Fatalf("got %q", message)
	}
	got := &corev1.ConfigMap{}
	if kind, err := codec.DecodeStored(message[at:], got); err != nil || kind.Kind != "ConfigMap" || got.Name != "two" {
		t.Errorf("got %v %s, %v", kind, got.Name, err)
	}
	if err := websocket.Message.Receive(binary, &message); err == nil {
		t.Errorf("more than was to be: %q", message)
	}
	ts.get(configMaps+"?watch=true", "Accept", "application/yaml").wants(406).
		says("only the following media types are accepted: application/json;stream=watch,").says("application/vnd.kubernetes.protobuf;stream=watch'")
	expired := ts.dial(configMaps+"?watch=true&resourceVersion=1&labelSelector=a%3Db", "application/json")
	if err := expired.Close(); err != nil {
		t.Error(err)
	}
}
