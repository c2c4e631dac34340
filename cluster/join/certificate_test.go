package join

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// authority signs what it is asked for, for an hour, as signers do: dated back by five minutes.
type authority struct {
	t       *testing.T
	key     *ecdsa.PrivateKey
	asked   int
	request *certificatesv1.CertificateSigningRequest
	answer  func(*certificatesv1.CertificateSigningRequest)
}

func newAuthority(t *testing.T) (*authority, client.WithWatch) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key}
	a.answer = a.sign
	scheme := runtime.NewScheme()
	if err := certificatesv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return a, fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			request := o.(*certificatesv1.CertificateSigningRequest)
			if err := c.Create(ctx, request, opts...); err != nil {
				return err
			}
			a.asked++
			a.request = request.DeepCopy()
			return nil
		},
		// The fake shows a watch only what comes after it.
		Watch: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) (watch.Interface, error) {
			events, err := c.Watch(ctx, list, opts...)
			if err == nil {
				a.answer(a.request)
				err = c.Status().Update(ctx, a.request)
			}
			return events, err
		},
	}).Build()
}

func (a *authority) sign(request *certificatesv1.CertificateSigningRequest) {
	block, _ := pem.Decode(request.Spec.Request)
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		a.t.Error(err)
		return
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(a.asked)), Subject: parsed.Subject, DNSNames: parsed.DNSNames, IPAddresses: parsed.IPAddresses,
		NotBefore: time.Now().Add(-5 * time.Minute), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, parsed.PublicKey, a.key)
	if err != nil {
		a.t.Error(err)
	}
	request.Status.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestCertificateIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, asking := newAuthority(t)
		renewed := make(chan struct{}, 1)
		file := filepath.Join(t.TempDir(), "pki", "client.pem")
		c := &Certificate{File: file, Client: asking, Clock: clock.RealClock{}, Renewed: func() { renewed <- struct{}{} }}
		if _, err := c.Serve(nil); !errors.Is(err, errNone) {
			t.Errorf("served with %v before there was a certificate", err)
		}
		c.SetSubject(Subject{Signer: "example.com/nodes", User: "system:node:n", Groups: []string{"system:nodes"}})
		if err := c.Obtain(t.Context()); err != nil || c.User() != "system:node:n" {
			t.Fatalf("obtained one for %q, %v", c.User(), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		for range 2 {
			before := time.Now()
			<-renewed
			if took := time.Since(before); took < 42*time.Minute || took > 54*time.Minute {
				t.Errorf("an hour's certificate is renewed after %s, want 70 to 90 %%", took)
			}
		}
		// Another address is another certificate, at once.
		before := time.Now()
		c.SetSubject(Subject{Signer: "example.com/nodes", User: "system:node:n", Groups: []string{"system:nodes"}, Names: []string{"n"}})
		<-renewed
		if took := time.Since(before); took != 0 {
			t.Errorf("another address is waited for %s", took)
		}
		cancel()
		if err := <-done; err != nil || a.asked != 4 {
			t.Errorf("asked %d times, want 4, %v", a.asked, err)
		}

		again := &Certificate{File: file, Clock: clock.RealClock{}}
		if ok, err := again.Load(); !ok || err != nil || again.User() != "system:node:n" {
			t.Errorf("an earlier run's is not taken up: %v, %v", ok, err)
		}
		time.Sleep(2 * time.Hour)
		if ok, err := (&Certificate{File: file, Clock: clock.RealClock{}}).Load(); ok || err != nil {
			t.Errorf("one that is over is taken up: %v, %v", ok, err)
		}
	})
}

func TestCertificateIsRefused(t *testing.T) {
	a, asking := newAuthority(t)
	a.answer = func(request *certificatesv1.CertificateSigningRequest) {
		request.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateDenied, Message: "not you"}}
	}
	c := &Certificate{File: filepath.Join(t.TempDir(), "client.pem"), Client: asking, Clock: clock.RealClock{}}
	c.SetSubject(Subject{Signer: "example.com/nodes", User: "system:node:n"})
	if err := c.Obtain(t.Context()); err == nil || !strings.Contains(err.Error(), "Denied: not you") {
		t.Errorf("got %v", err)
	}
}
