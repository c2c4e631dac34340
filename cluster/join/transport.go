package join

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"
)

// serverName is the name that every API server's certificate has, whatever its address is.
const serverName = "kubernetes"

// A connection on which nothing was heard for pingAfter is asked whether it lives, and given up pingTimeout later.
const (
	pingAfter   = 15 * time.Second
	pingTimeout = 5 * time.Second
)

// Transport sends requests to whichever server answers.
type Transport struct {
	*http.Transport
	servers *Servers

	mu   sync.Mutex
	open map[*connection]struct{}
}

// NewTransport trusts servers that the pool's authorities have signed. get, if not nil, gives the client's certificate, anew for each
// connection; CloseConnections makes new ones necessary.
func (s *Servers) NewTransport(authorities *x509.CertPool, get func(*tls.CertificateRequestInfo) (*tls.Certificate, error)) *Transport {
	t := &Transport{servers: s, open: map[*connection]struct{}{}}
	t.Transport = &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return t.dial(ctx) },
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities, ServerName: serverName, GetClientCertificate: get},
		ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 4,
		HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	return t
}

// insecure trusts any server: for what is signed by other means.
func (s *Servers) insecure() *Transport {
	t := s.NewTransport(nil, nil)
	t.TLSClientConfig.InsecureSkipVerify = true
	return t
}

func (t *Transport) dial(ctx context.Context) (net.Conn, error) {
	conn, address, err := t.servers.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: conn, address: address, transport: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[c] = struct{}{}
	return c, nil
}

// CloseConnections ends all connections, so that what follows is sent on new ones, with the present certificate.
func (t *Transport) CloseConnections() {
	t.mu.Lock()
	open := t.open
	t.open = map[*connection]struct{}{}
	t.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close()
	}
}

// connection tells the servers when it breaks.
type connection struct {
	net.Conn
	address   string
	transport *Transport
	once      sync.Once
}

// Read implements net.Conn.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.ended()
	}
	return n, err
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.ended()
	return c.Conn.Close()
}

func (c *connection) ended() {
	c.once.Do(func() {
		t := c.transport
		t.mu.Lock()
		_, open := t.open[c]
		delete(t.open, c)
		t.mu.Unlock()
		if open {
			t.servers.broke(c.address)
		}
	})
}
