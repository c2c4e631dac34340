package kms

import (
	"bytes"
	"context"
	"encoding/base64"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"k8s.io/apiserver/pkg/storage/value"
	kmsapi "k8s.io/kms/apis/v2"
	"k8s.io/utils/clock"
)

// byUpstream is what etcd held of a Secret that kube-apiserver v1.36.3 had encrypted with the help of a plugin like the one below.
const byUpstream = "azhzOmVuYzprbXM6djI6bXlwbHVnOgqNAuU9JVL8mg9rd8zg2yDvdYNWK2MQoI268XO8g6eITjeKjpv/amlaM9UzvTP73pafkbpAQNSWVF5XBOjo1iTuR7TQelfBuLXbzppC/30EQyxdTq+DwZ1V/Ua4plAkfEIE3kljOamR5XH/XgQvrHqAH4Wr73+rh7T3jOuD2UZSlPW9V9nmfamc5fv+4N0+HFvhhFuvFCWijEgvX62icFC5ajEnCrHt+Av544XPqXjv5OXbl84UpyN1YtlknZv8Ju7xF7oifKQmNA3ku/9Z5SvbzZYDROkduYW2cF6Ge0XFKy60GIon+Mn9/Ef3UsQTpDRbJUfBtGobDHzFN8w4mVDwjSYOahjM6PCV/upD9GBdEgVrZXktMRog/eFxogcBjHrR7cG30TooqEM/rPtLz1RC5tkM85kt8C8iGgoVbG9jYWwua21zLmV4YW1wbGUuY29tEgF4KAE="

// masking is a plugin that masks seeds with the name of its key.
type masking struct {
	kmsapi.UnimplementedKeyManagementServiceServer
}

func mask(data []byte, key string) []byte {
	out := make([]byte, len(data))
	for i := range data {
		out[i] = data[i] ^ key[i%len(key)]
	}
	return out
}

func (masking) Status(context.Context, *kmsapi.StatusRequest) (*kmsapi.StatusResponse, error) {
	return &kmsapi.StatusResponse{Version: "v2", Healthz: "ok", KeyId: "key-2"}, nil
}

func (masking) Encrypt(_ context.Context, r *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	return &kmsapi.EncryptResponse{KeyId: "key-2", Ciphertext: mask(r.Plaintext, "key-2")}, nil
}

func (masking) Decrypt(_ context.Context, r *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	return &kmsapi.DecryptResponse{Plaintext: mask(r.Ciphertext, r.KeyId)}, nil
}

func TestReadsWhatUpstreamHasWritten(t *testing.T) {
	dir, err := os.MkdirTemp("", "kms") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	kmsapi.RegisterKeyManagementServiceServer(server, masking{})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	p, err := New(Config{
		Name: "myplug", Endpoint: "unix://" + listener.Addr().String(), Timeout: time.Minute, Clock: clock.RealClock{},
		Metrics: NewMetrics("server", clock.RealClock{}), Changed: func() {},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored, err := base64.StdEncoding.DecodeString(byUpstream)
	if err != nil {
		t.Fatal(err)
	}
	data, found := strings.CutPrefix(string(stored), Prefix("myplug"))
	if !found {
		t.Fatal("another prefix")
	}
	const key = "/registry/secrets/default/s"
	plain, stale, err := p.TransformFromStorage(t.Context(), []byte(data), value.DefaultContext(key))
	if err != nil || !stale || !bytes.HasPrefix(plain, []byte("k8s\x00")) || !bytes.Contains(plain, []byte("Secret")) {
		t.Fatalf("read %q, stale %t, %v", plain, stale, err)
	}
	if _, _, err := p.TransformFromStorage(t.Context(), []byte(data), value.DefaultContext("/registry/secrets/default/other")); err == nil {
		t.Error("the value can be read under another key")
	}
	again, err := p.TransformToStorage(t.Context(), plain, value.DefaultContext(key))
	if err != nil {
		t.Fatal(err)
	}
	back, stale, err := p.TransformFromStorage(t.Context(), again, value.DefaultContext(key))
	if err != nil || stale || !bytes.Equal(back, plain) {
		t.Errorf("read back %q, stale %t, %v", back, stale, err)
	}
}

func TestAnswersOfPluginsAreChecked(t *testing.T) {
	good := source{keyID: "k", encrypted: []byte("x"), annotations: map[string][]byte{"a.example.com": []byte("v")}}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for why, s := range map[string]source{
		"no key":               {encrypted: []byte("x")},
		"a long key":           {keyID: strings.Repeat("k", maxKeyID+1), encrypted: []byte("x")},
		"nothing":              {keyID: "k"},
		"much":                 {keyID: "k", encrypted: make([]byte, maxSource+1)},
		"an annotation's name": {keyID: "k", encrypted: []byte("x"), annotations: map[string][]byte{"a": nil}},
		"many annotations":     {keyID: "k", encrypted: []byte("x"), annotations: map[string][]byte{"a.example.com": make([]byte, maxAnnotations)}},
	} {
		if s.check() == nil {
			t.Errorf("%s passes", why)
		}
	}
}
