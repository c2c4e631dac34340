package gather

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"

	"golang.org/x/net/http2"
)

// HTTP2 has a server gather what it writes to its HTTP/2 connections, which are in conns while they are open. Those of HTTP/1.1
// stay as they are.
func HTTP2(server *http.Server, conns *Conns) error {
	//nolint:staticcheck // net/http's own takes no other connection than a *tls.Conn
	protocol := &http2.Server{}
	//nolint:staticcheck // as above
	if err := http2.ConfigureServer(server, protocol); err != nil {
		return fmt.Errorf("configuring HTTP/2: %w", err)
	}
	told := server.ConnState
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if gathered, ok := c.(*Conn); ok {
			gathered.setActive(state == http.StateActive)
		}
		if told != nil {
			told(c, state)
		}
	}
	server.TLSNextProto[http2.NextProtoTLS] = func(server *http.Server, c *tls.Conn, handler http.Handler) {
		gathered := NewConn(c)
		defer conns.add(gathered)()
		//nolint:staticcheck // as above
		protocol.ServeConn(gathered, &http2.ServeConnOpts{Context: baseContext(handler), Handler: handler, BaseConfig: server})
	}
	return nil
}

// baseContext is the context that net/http hands to a protocol by way of its handler.
func baseContext(handler http.Handler) context.Context {
	if h, ok := handler.(interface{ BaseContext() context.Context }); ok {
		return h.BaseContext()
	}
	return context.Background()
}
