package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coxswain-k8s/coxswain/kubelet/stats"
)

// node is a Server on a loopback port, with the streaming server that containerd uses as its runtime.
type node struct {
	t       *testing.T
	url     string
	backend *backend
	stop    context.CancelFunc
	done    chan struct{} // closed when Run has returned

	mu      sync.Mutex
	reviews []string // "verb nodes/subresource user" asked of the API server
	allow   func(user, verb, subresource string) bool
}

func startNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, backend: newBackend(t), allow: func(user, _, _ string) bool { return user == "admin" }}
	certificate, pool := newAuthority(t).issue("127.0.0.1", nil), clientCA(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Listener: listener, TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}, ClientCAs: pool.pool,
		NodeName: "node-1", Backend: n.backend, LogDir: t.TempDir(),
		Client: fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{Create: n.review}).Build(),
		Pages:  map[string]http.Handler{"/statusz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up")) })},
		Stats:  &stats.Provider{NodeName: "node-1", RootDir: t.TempDir(), Pods: func(context.Context) ([]stats.Pod, error) { return nil, nil }},
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop, n.done = stop, make(chan struct{})
	go func() {
		defer close(n.done)
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(n.end)
	n.url = "https://" + listener.Addr().String()
	return n
}

// end stops the server and waits until it has ended.
func (n *node) end() {
	n.stop()
	select {
	case <-n.done:
	case <-time.After(time.Minute):
		n.t.Error("Run does not end")
	}
}

// review answers as an API server that knows the tokens "admin-token" and "nobody-token".
func (n *node) review(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch review := object.(type) {
	case *authenticationv1.TokenReview:
		switch review.Spec.Token {
		case "admin-token":
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: "admin"}}
		case "nobody-token":
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: "nobody"}}
		}
		n.reviews = append(n.reviews, "token")
	case *authorizationv1.SubjectAccessReview:
		attributes := review.Spec.ResourceAttributes
		n.reviews = append(n.reviews, fmt.Sprintf("%s %s/%s %s", attributes.Verb, attributes.Resource, attributes.Subresource, review.Spec.User))
		review.Status.Allowed = attributes.Name == "node-1" && n.allow(review.Spec.User, attributes.Verb, attributes.Subresource)
	default:
		return fmt.Errorf("unexpected %T", object)
	}
	return nil
}

func (n *node) asked() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.reviews...)
}

func (n *node) config() *rest.Config {
	return &rest.Config{Host: n.url, BearerToken: "admin-token", TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
}

// get requests a path with a token ("" for none).
func (n *node) get(path, token string) (int, string) {
	n.t.Helper()
	request, err := http.NewRequest(http.MethodGet, n.url+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return n.do(request)
}

func (n *node) do(request *http.Request, certificates ...tls.Certificate) (int, string) {
	n.t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: certificates}}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// backend is a kubelet with one pod ns/web and its container main.
type backend struct {
	streaming streaming.Server
	logPath   string
	ended     chan struct{}
	streamURL string // overrides the runtime's URL
	calls     sync.Map
}

func newBackend(t *testing.T) *backend {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := streaming.DefaultConfig
	config.Addr = listener.Addr().String()
	config.BaseURL = &url.URL{Scheme: "http", Host: config.Addr}
	server, err := streaming.NewServer(config, echoRuntime{})
	if err != nil {
		t.Fatal(err)
	}
	serving := &http.Server{Handler: server}
	go func() { _ = serving.Serve(listener) }()
	t.Cleanup(func() { serving.Close() })
	b := &backend{streaming: server, logPath: filepath.Join(t.TempDir(), "0.log"), ended: make(chan struct{})}
	if err := os.WriteFile(b.logPath, []byte("2026-01-02T03:04:05.000000000Z stdout F one\n2026-01-02T03:04:06.000000000Z stderr F two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *backend) called(what string) { b.calls.Store(what, true) }

func (b *backend) Healthy(context.Context) error { b.called("Healthy"); return nil }

func (b *backend) Pods() []*corev1.Pod {
	b.called("Pods")
	return []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web"}}}
}

func (b *backend) RunningPods(context.Context) ([]*corev1.Pod, error) { return b.Pods(), nil }

func (b *backend) find(what string, ref ContainerRef) error {
	b.called(what)
	if ref.Namespace != "ns" || ref.Pod != "web" {
		return apierrors.NewNotFound(corev1.Resource("pods"), ref.Pod)
	}
	return nil
}

func (b *backend) ExecURL(_ context.Context, ref ContainerRef, request *runtimeapi.ExecRequest) (string, error) {
	if err := b.find("ExecURL", ref); err != nil || b.streamURL != "" {
		return b.streamURL, err
	}
	request.ContainerId = "id"
	response, err := b.streaming.GetExec(request)
	return response.GetUrl(), err
}

func (b *backend) AttachURL(_ context.Context, ref ContainerRef, request *runtimeapi.AttachRequest) (string, error) {
	if err := b.find("AttachURL", ref); err != nil {
		return "", err
	}
	request.ContainerId = "id"
	response, err := b.streaming.GetAttach(request)
	return response.GetUrl(), err
}

func (b *backend) PortForwardURL(_ context.Context, ref ContainerRef, ports []int32) (string, error) {
	if err := b.find("PortForwardURL", ref); err != nil {
		return "", err
	}
	response, err := b.streaming.GetPortForward(&runtimeapi.PortForwardRequest{PodSandboxId: "sandbox", Port: ports})
	return response.GetUrl(), err
}

func (b *backend) ContainerLog(_ context.Context, ref ContainerRef, previous bool) (ContainerLog, error) {
	if err := b.find("ContainerLog", ref); err != nil {
		return ContainerLog{}, err
	}
	if previous {
		return ContainerLog{}, apierrors.NewBadRequest(`previous terminated container "main" in pod "web" not found`)
	}
	return ContainerLog{ContainerID: "id", Path: b.logPath, Ended: b.ended}, nil
}

func (b *backend) Config() any { return map[string]string{"kind": "KubeletConfiguration"} }

// echoRuntime's programs are "cat", "exit" (with code 3), and "size", which prints the terminal's size.
type echoRuntime struct{}

type exitError struct{ code int }

func (e exitError) Error() string   { return fmt.Sprintf("exit status %d", e.code) }
func (e exitError) String() string  { return e.Error() }
func (e exitError) Exited() bool    { return true }
func (e exitError) ExitStatus() int { return e.code }

//nolint:revive // the streaming library's interface has so many arguments
func (echoRuntime) Exec(_ context.Context, _ string, command []string, in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) error {
	switch command[0] {
	case "cat":
		_, err := io.Copy(out, in)
		return err
	case "exit":
		fmt.Fprint(errOut, "failing")
		return exitError{3}
	case "size":
		size := <-resize
		fmt.Fprintf(out, "%dx%d", size.Width, size.Height)
		return nil
	}
	return errors.New("no such program")
}

//nolint:revive // the streaming library's interface has so many arguments
func (r echoRuntime) Attach(ctx context.Context, id string, in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize) error {
	return r.Exec(ctx, id, []string{"cat"}, in, out, errOut, tty, resize)
}

func (echoRuntime) PortForward(_ context.Context, _ string, port int32, stream io.ReadWriteCloser) error {
	fmt.Fprintf(stream, "port %d\n", port)
	_, err := io.Copy(stream, stream)
	return err
}

// authority is a certificate authority.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

// clientCAs keeps one client authority per test.
var clientCAs sync.Map

func clientCA(t *testing.T) *authority {
	ca, _ := clientCAs.LoadOrStore(t.Name(), newAuthority(t))
	return ca.(*authority)
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{t, cert, key, pool}
}

func (a *authority) issue(name string, groups []string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name, Organization: groups},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
