package cluster

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	kmsapi "k8s.io/kms/apis/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// turning is a key management service that turns seeds around.
type turning struct {
	kmsapi.UnimplementedKeyManagementServiceServer
}

func turned(data []byte) []byte {
	out := bytes.Clone(data)
	for i := range out {
		out[i] = ^out[i]
	}
	return out
}

func (turning) Status(context.Context, *kmsapi.StatusRequest) (*kmsapi.StatusResponse, error) {
	return &kmsapi.StatusResponse{Version: "v2", Healthz: "ok", KeyId: "one"}, nil
}

func (turning) Encrypt(_ context.Context, r *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	return &kmsapi.EncryptResponse{KeyId: "one", Ciphertext: turned(r.Plaintext)}, nil
}

func (turning) Decrypt(_ context.Context, r *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	return &kmsapi.DecryptResponse{Plaintext: turned(r.Ciphertext)}, nil
}

func (s turning) start(t *testing.T, socket string) *grpc.Server {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	kmsapi.RegisterKeyManagementServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return server
}

// While the plugin is away, what it is to decrypt is answered with an error and readyz fails; when it is back, all is as before.
func TestObjectsWaitForTheirPlugin(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	sockets, err := os.MkdirTemp("", "kms") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(sockets)
	socket := filepath.Join(sockets, "s")
	configuration := writeFile(t, filepath.Join(dir, "encryption.yaml"), `{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: [{resources: [limitranges], providers: [
		{kms: {apiVersion: v2, name: turning, timeout: 200ms, endpoint: "unix://`+socket+`"}}, {identity: {}}]}]}`)
	encrypted := func(o *Options) { o.EncryptionProviderConfig = configuration }

	plugin := turning{}.start(t, socket)
	before, stop := controlPlaneOn(t, dir, encrypted)
	object := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "one", Labels: map[string]string{"a": "hidden"}}}
	if err := before.Create(ctx, object); err != nil {
		t.Fatal(err)
	}
	stop()
	plugin.Stop()

	options := alone(dir)
	encrypted(&options)
	running, c := started(t, options)
	const want = `Internal error occurred: unable to transform key "/registry/limitranges/default/one": failed to decrypt DEK, error: rpc error: code = `
	found := &corev1.LimitRange{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(object), found); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("without its plugin it is answered with %v", err)
	}
	config := rest.CopyConfig(running.Config)
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	raw, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Get().AbsPath("/readyz").Do(ctx).Error(); err == nil || !strings.Contains(err.Error(), "[-]kms-providers failed: reason withheld") {
		t.Errorf("readyz says %v", err)
	}
	if _, err := raw.Get().AbsPath("/livez").Do(ctx).Raw(); err != nil {
		t.Errorf("it is not alive: %v", err)
	}
	turning{}.start(t, socket)
	eventually(t, "being ready", func() error { return raw.Get().AbsPath("/readyz").Do(ctx).Error() })
	eventually(t, "reading the object", func() error { return c.Get(ctx, client.ObjectKeyFromObject(object), found) })
	if found.Labels["a"] != "hidden" {
		t.Errorf("it reads %v", found)
	}
}
