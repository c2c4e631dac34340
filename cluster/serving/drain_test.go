package serving

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/h2"
)

// narrow connections have small buffers in the kernel.
type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		_ = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// gated connections read when the gate is open.
type gated struct {
	net.Conn
	gate <-chan struct{}
	shut <-chan struct{}
}

func (c gated) Read(p []byte) (int, error) {
	select {
	case <-c.shut:
		<-c.gate
	default:
	}
	return c.Conn.Read(p)
}

func TestShutdownSendsSlowClientsTheRest(t *testing.T) {
	body := bytes.Repeat([]byte("body"), 25<<10) // less than a connection gathers
	shut, gate := make(chan struct{}), make(chan struct{})
	d := &Drainer{Patience: time.Minute, EndLasting: func() {}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(shut)
		_, _ = w.Write(body)
	}))
	d.attend(server.Config)
	server.TLS = &tls.Config{NextProtos: []string{"h2"}}
	d.http2.Attach(server.Config)
	server.EnableHTTP2 = true
	server.Listener = h2.Listener{Listener: narrow{server.Listener}}
	server.StartTLS()
	defer server.Close()
	transport := server.Client().Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return gated{Conn: c, gate: gate, shut: shut}, c.(*net.TCPConn).SetReadBuffer(4 << 10)
	}
	answered := make(chan error, 1)
	go func() {
		response, err := server.Client().Get(server.URL)
		if err == nil {
			defer response.Body.Close()
			var got []byte
			if got, err = io.ReadAll(response.Body); !bytes.Equal(got, body) {
				t.Errorf("read %d bytes of %d", len(got), len(body))
			}
		}
		answered <- err
	}()
	<-shut
	drained := make(chan error, 1)
	go func() { drained <- d.Drain(server.Config) }()
	select {
	case err := <-drained:
		close(gate)
		<-answered
		t.Fatalf("the server is closed before its client has read: %v", err)
	case <-time.After(2 * flushing):
	}
	close(gate)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// pipes are connections without any buffer.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	close(p.closed)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// What HTTP/1.1 sends last, it sends after the handler has ended.
func TestShutdownSendsTheLastBuffer(t *testing.T) {
	body := bytes.Repeat([]byte("body"), 700)
	d := &Drainer{Patience: time.Minute, EndLasting: func() {}}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })}
	d.attend(server)
	listener := pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
	go func() { _ = server.Serve(listener) }()
	client, accepted := net.Pipe()
	defer client.Close()
	listener.accepted <- accepted
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: pipe\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1) // nothing is sent before the handler has ended
	if _, err := io.ReadFull(client, first); err != nil {
		t.Fatal(err)
	}
	drained := make(chan error, 1)
	go func() { drained <- d.Drain(server) }()
	select {
	case err := <-drained:
		t.Fatalf("the server is closed before its client has read: %v", err)
	case <-time.After(2 * flushing):
	}
	response, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(first), client)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(got, body) {
		t.Errorf("read %d bytes of %d: %v", len(got), len(body), err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
