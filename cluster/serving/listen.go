package serving

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// http2Limits bound what one connection may have open. What is taken back at once goes on counting until its handler has ended, and
// who sends many more is cut off (CVE-2023-44487).
func http2Limits() *http.HTTP2Config { return &http.HTTP2Config{MaxConcurrentStreams: 250} }

// NewServer serves HTTP/1.1 and HTTP/2 over TLS. Its end is d's.
func NewServer(ctx context.Context, handler http.Handler, secure *tls.Config, d *Drainer) *http.Server {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 32 * time.Second, IdleTimeout: 3 * time.Minute, MaxHeaderBytes: 1 << 20,
		BaseContext: func(net.Listener) context.Context { return ctx },
		// What goes wrong in handshakes is the clients' business.
		ErrorLog:  log.New(io.Discard, "", 0),
		TLSConfig: secure,
		HTTP2:     http2Limits(),
	}
	d.attend(server)
	d.http2.Attach(server)
	return server
}
