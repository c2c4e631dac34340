package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// TestCertificatesAreRenewedInARunningServer: two years pass in which one server goes on; with every handshake it shows a certificate
// that lasts, and what it is not asked for by handshakes, the administrator's, is handed on when it is made again, until that succeeds.
func TestCertificatesAreRenewedInARunningServer(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Now())
	options := &options.Options{}
	options.DataDir, options.NodeName, options.NodeIP, options.ServiceCIDR = t.TempDir(), "n", "127.0.0.1", "10.43.0.0/16"
	c, err := openCertificatesAt(options, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	admin := c.Admin.Pair()
	var handed []*pki.Pair
	refused := 0
	c.Handed.Follow(admin, func(pair *pki.Pair) error {
		if refused++; refused%2 == 1 {
			return errors.New("the disk is full")
		}
		handed = append(handed, pair)
		return nil
	})
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.serve, Time: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.Trusted)
	for range 24 {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Time: clock.Now}}}
		response, err := client.Get("https://" + listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		for who, live := range map[string]*pki.Live{"calls of kubelets": c.toKubelet, "the kubelet": c.Kubelet, "calls of other servers": c.frontProxyClient} {
			if left := live.Pair().Certificate.NotAfter.Sub(clock.Now()); left < 50*24*time.Hour {
				t.Errorf("the certificate for %s lasts for %s", who, left)
			}
		}
		clock.SetTime(clock.Now().Add(30 * 24 * time.Hour))
	}
	if len(handed) != 2 {
		t.Fatalf("%d new certificates of the administrator in two years", len(handed))
	}
	if last := handed[1].Certificate; last.NotAfter.Before(clock.Now()) || last.Subject.CommonName != "admin" || last.Equal(admin.Certificate) {
		t.Errorf("the last is of %s and ends at %s", last.Subject, last.NotAfter)
	}
}

// What the server left in --cert-dir it does not take for the user's: years later it shows one that lasts, and leaves that.
func TestCertificateLeftInAFolderIsRenewed(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Now())
	options := &options.Options{}
	options.DataDir, options.NodeName, options.NodeIP, options.ServiceCIDR, options.CertDir = t.TempDir(), "n", "127.0.0.1", "10.43.0.0/16", t.TempDir()
	for range 3 {
		c, err := openCertificatesAt(options, clock.Now)
		if err != nil {
			t.Fatal(err)
		}
		left, err := tls.LoadX509KeyPair(servingFiles(&options.ServingOptions))
		if err != nil {
			t.Fatal(err)
		}
		shown, err := c.serve(nil)
		if err != nil {
			t.Fatal(err)
		}
		for where, leaf := range map[string]*x509.Certificate{"shown": shown.Leaf, "left": left.Leaf} {
			if lasts := leaf.NotAfter.Sub(clock.Now()); lasts < 50*24*time.Hour {
				t.Errorf("what is %s lasts for %s", where, lasts)
			}
		}
		clock.SetTime(clock.Now().Add(400 * 24 * time.Hour))
	}
}
