package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/gather"
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
	d := &drainer{Patience: time.Minute, EndLasting: func() {}}
	server := httptest.NewUnstartedServer(d.counted(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(shut)
		_, _ = w.Write(body)
	})))
	server.TLS = &tls.Config{NextProtos: []string{"h2"}}
	if err := gather.HTTP2(server.Config, &d.conns); err != nil {
		t.Fatal(err)
	}
	server.EnableHTTP2 = true
	server.Listener = gather.Listener{Listener: narrow{server.Listener}}
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
	go func() { drained <- d.drain(server.Config) }()
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
