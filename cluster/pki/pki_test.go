package pki

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func open(t *testing.T, dir string, now func() time.Time) *Authority {
	t.Helper()
	authority, err := Open(dir, "test-ca", now)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

func leaf(t *testing.T, authority *Authority, request Request) *Pair {
	t.Helper()
	pair, err := authority.Leaf(request)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestLeafIsKeptWhileItIsGood(t *testing.T) {
	dir, request := t.TempDir(), Request{Name: "server", CommonName: "s", DNSNames: []string{"a"}, Addresses: []net.IP{net.IPv4(127, 0, 0, 1)}, Server: true}
	first := leaf(t, open(t, dir, time.Now), request)
	if again := leaf(t, open(t, dir, time.Now), request); !again.Certificate.Equal(first.Certificate) {
		t.Error("a good certificate was made again")
	}
	request.DNSNames = append(request.DNSNames, "b")
	if more := leaf(t, open(t, dir, time.Now), request); more.Certificate.Equal(first.Certificate) {
		t.Error("a certificate that lacks a name was kept")
	}
	later := func() time.Time { return time.Now().Add(leafLife - renewBefore/2) }
	if late := leaf(t, open(t, dir, later), request); late.Certificate.NotAfter.Before(later().Add(renewBefore)) {
		t.Error("a certificate that is about to expire was kept")
	}
}

func TestLeafVerifies(t *testing.T) {
	authority := open(t, t.TempDir(), time.Now)
	pair := leaf(t, authority, Request{Name: "admin", CommonName: "admin", Groups: []string{"system:masters"}, Client: true})
	options := x509.VerifyOptions{Roots: authority.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := pair.Certificate.Verify(options); err != nil {
		t.Error(err)
	}
	options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if _, err := pair.Certificate.Verify(options); err == nil {
		t.Error("a client certificate may serve")
	}
}

func TestKeysAreSecretAndDamageIsReported(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, time.Now)
	if _, err := SigningKey(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca.key", "sa.key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, error %v; want 0600", name, info.Mode(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.key"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "test-ca", time.Now); err == nil {
		t.Error("a damaged authority was replaced or accepted in silence")
	}
}
