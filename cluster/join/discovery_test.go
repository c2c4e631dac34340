package join

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	bootstrap "k8s.io/cluster-bootstrap/token/api"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/controllers/bootstrapsigner"
)

// TestPinsHoldForEveryCertificate: an authority that stands beside the pinned one is not believed, and a pin does not make up
// for a signature with another token.
func TestPinsHoldForEveryCertificate(t *testing.T) {
	right, foreign := newCA(t), newCA(t)
	pin := []string{"sha256:" + strings.ToUpper(KeyHash(right))}
	both := append(bytes.Clone(right), foreign...)
	for name, test := range map[string]struct {
		shown, want      []byte
		hashes           []string
		signedBy, refuse string
		pinned           bool
	}{
		"alone":                         {shown: right, hashes: pin, want: right},
		"a foreign one follows":         {shown: both, hashes: pin, want: right},
		"a foreign one comes first":     {shown: append(bytes.Clone(foreign), right...), hashes: pin, want: right},
		"no pin":                        {shown: both, want: both},
		"the token pins all":            {shown: both, want: both, pinned: true, signedBy: "0000000000000000"},
		"only a foreign one":            {shown: foreign, hashes: pin, refuse: "is not the one that was pinned"},
		"signed with another secret":    {shown: right, hashes: pin, signedBy: "0000000000000000", refuse: "signed with another secret"},
		"no certificate":                {shown: []byte("nothing"), hashes: pin, refuse: "is not the one that was pinned"},
		"the token pins, the hash does": {shown: both, hashes: pin, want: right, pinned: true},
	} {
		t.Run(name, func(t *testing.T) {
			token := Token{ID: "abcdef", Secret: "0123456789abcdef"}
			secret := token.Secret
			if test.signedBy != "" {
				secret = test.signedBy
			}
			if test.pinned {
				token.Hash = hashOf(test.shown)
			}
			d := &Discovery{Servers: serveInfo(t, test.shown, token.ID, secret), Token: token, Hashes: test.hashes, Clock: clock.RealClock{}}
			got, err := d.Run(t.Context())
			switch {
			case test.refuse == "" && (err != nil || !bytes.Equal(got, test.want)):
				t.Errorf("believes\n%s, %v, want\n%s", got, err, test.want)
			case test.refuse != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.refuse)):
				t.Errorf("got %v, want %q", err, test.refuse)
			}
		})
	}
}

// newCA is the PEM of a certificate.
func newCA(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// serveInfo is a server whose cluster-info shows an authority and is signed with a token.
func serveInfo(t *testing.T, authority []byte, id, secret string) *Servers {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters[""] = &clientcmdapi.Cluster{Server: "https://kubernetes", CertificateAuthorityData: authority}
	text, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := bootstrapsigner.Sign(string(text), id, secret)
	if err != nil {
		t.Fatal(err)
	}
	info := &corev1.ConfigMap{Data: map[string]string{bootstrap.KubeConfigKey: string(text), bootstrap.JWSSignatureKeyPrefix + id: signature}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(info); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	s := &Servers{}
	s.Add(server.Listener.Addr().String())
	return s
}
