package apiserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"testing"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

// TestSigningRequestSaysWhoAsks sends a request that claims to come from another.
func TestSigningRequestSaysWhoAsks(t *testing.T) {
	ts := newServer(t)
	ts.as = &user.DefaultInfo{Name: "anna", UID: "7", Groups: []string{"g", "system:authenticated"}, Extra: map[string][]string{"k": {"v"}}}
	got := ts.post("/apis/certificates.k8s.io/v1/certificatesigningrequests", `{"metadata":{"name":"a"},"spec":{
		"request":"`+base64.StdEncoding.EncodeToString(signingRequest(t))+`","signerName":"example.com/s","usages":["client auth"],
		"username":"root","uid":"0","groups":["system:masters"],"extra":{"x":["y"]}}}`).wants(201)
	var request certificatesv1.CertificateSigningRequest
	if err := json.Unmarshal(got.body, &request); err != nil {
		t.Fatal(err)
	}
	request.Spec.Request = nil
	want := certificatesv1.CertificateSigningRequestSpec{
		SignerName: "example.com/s", Usages: []certificatesv1.KeyUsage{"client auth"},
		Username: "anna", UID: "7", Groups: []string{"g", "system:authenticated"}, Extra: map[string]certificatesv1.ExtraValue{"k": {"v"}},
	}
	if diff := cmp.Diff(want, request.Spec); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func signingRequest(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}
