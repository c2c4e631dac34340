package apiserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/authentication/user"
)

func TestASigningRequestSaysWhoMadeIt(t *testing.T) {
	ts := newServer(t)
	ts.as = &user.DefaultInfo{Name: "eve", UID: "u1", Groups: []string{"outside"}, Extra: map[string][]string{"from": {"afar"}}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	request := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	made := ts.post("/apis/certificates.k8s.io/v1/certificatesigningrequests",
		`{"metadata":{"name":"a"},"spec":{"username":"admin","groups":["system:masters"],"signerName":"example.com/x","usages":["client auth"],"request":"`+request+`"}}`).wants(201)
	spec, _, _ := unstructured.NestedMap(made.object().Object, "spec")
	delete(spec, "request")
	want := map[string]any{
		"username": "eve", "uid": "u1", "groups": []any{"outside"}, "extra": map[string]any{"from": []any{"afar"}},
		"signerName": "example.com/x", "usages": []any{"client auth"},
	}
	if diff := cmp.Diff(want, spec); diff != "" {
		t.Error(diff)
	}
}
