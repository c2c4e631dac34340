package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// TestLiveCertificatesOutliveTheirFirst: a server and its client go on knowing each other for years without a restart, and nobody is
// shown a certificate that is about to end.
func TestLiveCertificatesOutliveTheirFirst(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Now())
	authority := open(t, t.TempDir(), clock.Now)
	serving, err := authority.Live(Request{Name: "server", CommonName: "s", Addresses: []net.IP{net.IPv4(127, 0, 0, 1)}, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	calling, err := authority.Live(Request{Name: "client", CommonName: "c", Client: true})
	if err != nil {
		t.Fatal(err)
	}
	var caller *x509.Certificate
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: serving.Serving, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(), Time: clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler:           http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { caller = r.TLS.PeerCertificates[0] }),
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	seen := map[string]bool{}
	for range 40 { // months
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: authority.Pool(), GetClientCertificate: calling.Calling, Time: clock.Now,
		}}}
		response, err := client.Get("https://" + listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		for _, shown := range []*x509.Certificate{response.TLS.PeerCertificates[0], caller} {
			if left := shown.NotAfter.Sub(clock.Now()); left < renewBefore {
				t.Errorf("%s lasts for %s", shown.Subject, left)
			}
			seen[shown.SerialNumber.String()] = true
		}
		clock.SetTime(clock.Now().Add(30 * 24 * time.Hour))
	}
	if len(seen) < 6 || len(seen) > 10 {
		t.Errorf("%d certificates in 40 months", len(seen))
	}
}

// What cannot be kept is told once, and tried again; the old certificate is used for as long as it lasts, and then one in memory.
func TestCertificateThatCannotBeKept(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Now())
	dir := t.TempDir()
	authority := open(t, dir, clock.Now)
	live, err := authority.Live(Request{Name: "server", CommonName: "s", Server: true})
	if err != nil {
		t.Fatal(err)
	}
	var told []error
	live.Tell(func(err error) { told = append(told, err) })
	first := live.Pair()
	blocked := filepath.Join(dir, "server.crt.new")
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	clock.SetTime(first.Certificate.NotAfter.Add(-renewBefore / 2))
	for range 3 {
		if live.Pair() != first {
			t.Error("a certificate that is not kept is used while the old one lasts")
		}
		clock.SetTime(clock.Now().Add(patience))
	}
	if len(told) != 1 {
		t.Errorf("told %v", told)
	}
	// The key is there and the certificate is not: whoever starts now makes both again.
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	if pair := live.Pair(); pair == first || pair.Certificate.NotAfter.Sub(clock.Now()) < renewBefore {
		t.Error("it is not made again")
	}
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	clock.SetTime(clock.Now().Add(2 * leafLife))
	if pair := live.Pair(); pair.Certificate.NotAfter.Before(clock.Now()) {
		t.Error("a certificate that has ended is used")
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Now())
	dir := t.TempDir()
	authority := open(t, dir, clock.Now)
	cert, key := filepath.Join(dir, "x.crt"), filepath.Join(dir, "x.key")
	leaf(t, authority, Request{Name: "x", CommonName: "first", Server: true})
	files, err := OpenFiles(cert, key, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when, want string) {
		t.Helper()
		shown, err := files.Serving(nil)
		if err != nil || shown.Leaf.Subject.CommonName != want {
			t.Errorf("%s: %v %v, want %s", when, shown.Leaf.Subject, err, want)
		}
	}
	expect("at first", "first")
	leaf(t, authority, Request{Name: "x", CommonName: "second", Server: true})
	for _, name := range []string{cert, key} {
		if err := os.Chtimes(name, clock.Now(), clock.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	expect("at once", "first")
	clock.SetTime(clock.Now().Add(patience))
	expect("a minute later", "second")
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	clock.SetTime(clock.Now().Add(patience))
	expect("while it is written", "second")
}

// What is not kept is made when it is needed, once.
func TestLaterIsMadeWhenItIsNeeded(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		authority, err := Open(dir, "ca", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		live, err := authority.Later(Request{Name: "client", CommonName: "c", Client: true})
		if err != nil {
			t.Fatal(err)
		}
		if made := live.pair != nil; made != (dir != "") {
			t.Errorf("in %q it is made at once: %t", dir, made)
		}
		shown, err := live.Calling(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := live.Calling(nil)
		if err != nil || again.Leaf != shown.Leaf || shown.Leaf.CheckSignatureFrom(authority.Certificate) != nil {
			t.Errorf("in %q two certificates are shown, or one of nobody: %v", dir, err)
		}
	}
}
