package etcd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// ownAddress is one of the loopback whose ports only these tests take.
const ownAddress = "127.0.115.4"

// selfSigned writes one certificate that is its own CA, good for servers and clients.
func selfSigned(t *testing.T) *etcd.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "etcd"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(ownAddress)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := &etcd.TLS{CA: filepath.Join(dir, "crt"), Cert: filepath.Join(dir, "crt"), Key: filepath.Join(dir, "key")}
	for name, block := range map[string]*pem.Block{
		files.Cert: {Type: "CERTIFICATE", Bytes: cert}, files.Key: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// freeURL is one that nobody listens on, nor takes the port of before it is listened on.
func freeURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", ownAddress+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "https://" + l.Addr().String()
}

func TestConnectOverTLS(t *testing.T) {
	t.Parallel()
	url, files := freeURL(t), selfSigned(t)
	m := embed(t, etcd.Config{ClientURLs: []string{url}, ClientTLS: files, UnsafeNoFsync: true})
	c, err := etcd.Connect(t.Context(), etcd.Remote{Endpoints: []string{url}, TLS: files})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	revision, err := c.Commit(t.Context(), storage.Op{Key: "/registry/x", Value: []byte("v")})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := m.Get(t.Context(), "/registry/x"); err != nil || r.Revision != revision {
		t.Errorf("got %+v, %v", r, err)
	}
}

// The sizes of the others are known while a member says nothing.
func TestSizesBesideASilentMember(t *testing.T) {
	t.Parallel()
	url, files := freeURL(t), selfSigned(t)
	embed(t, etcd.Config{ClientURLs: []string{url}, ClientTLS: files, UnsafeNoFsync: true})
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it has a queue, and nobody who takes from it
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c, err := etcd.Connect(t.Context(), etcd.Remote{Endpoints: []string{"https://" + silent.Addr().String(), url}, TLS: files})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if sizes := c.Sizes(); len(sizes) != 2 || sizes[0] != 0 || sizes[1] <= 0 {
		t.Errorf("the sizes are %v", sizes)
	}
}
