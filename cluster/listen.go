package cluster

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/http2"
)

// newHTTPServer serves HTTP/1.1 and HTTP/2 over TLS. Client certificates are asked for and checked later, where the
// request is authenticated.
func newHTTPServer(ctx context.Context, handler http.Handler, c *certificates) *http.Server {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 32 * time.Second, IdleTimeout: 3 * time.Minute, MaxHeaderBytes: 1 << 20,
		BaseContext: func(net.Listener) context.Context { return ctx },
		// What goes wrong in handshakes is the clients' business.
		ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.serving.TLS()},
			ClientAuth: tls.RequestClientCert, ClientCAs: c.authority.Pool(), NextProtos: []string{"h2", "http/1.1"},
		},
	}
	// Bounds on what one connection may have open and unread; rapid resets are counted by the library.
	configured := &http2.Server{MaxConcurrentStreams: 250, IdleTimeout: 3 * time.Minute}
	if err := http2.ConfigureServer(server, configured); err != nil {
		server.TLSConfig.NextProtos = []string{"http/1.1"}
	}
	return server
}
