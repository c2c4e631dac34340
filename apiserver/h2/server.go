package h2

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

// Server serves HTTP/2 for an http.Server. The zero value is ready.
type Server struct {
	crew crew
	date atomic.Pointer[date]

	mu    sync.Mutex
	open  map[*conn]chan struct{} // closed when the connection is
	leave bool                    // no client is to stay
}

// Attach has an http.Server that serves a Listener hand its connections of HTTP/2 to s. It is called before it serves.
func (s *Server) Attach(server *http.Server) {
	if server.TLSNextProto == nil {
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	}
	server.TLSNextProto[http2.NextProtoTLS] = s.serve
	server.RegisterOnShutdown(s.farewell)
}

// serve returns when the connection is closed and its handlers have ended.
func (s *Server) serve(server *http.Server, secured *tls.Conn, handler http.Handler) {
	below, ok := secured.NetConn().(*wire)
	if !ok {
		logf(server, "h2: a connection of %T, not of a Listener", secured.NetConn())
		return
	}
	c := newConn(s, server, secured, below)
	ctx := context.Background()
	if h, ok := handler.(interface{ BaseContext() context.Context }); ok {
		ctx = h.BaseContext()
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	c.handler = handler
	defer c.cancel()
	defer s.add(c)()
	c.serve()
}

// add returns what takes the connection out again.
func (s *Server) add(c *conn) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*conn]chan struct{}{}
	}
	closed := make(chan struct{})
	s.open[c] = closed
	if s.leave { // the server's shutdown began while this client shook hands
		c.goAway(http2.ErrCodeNo)
	}
	s.crew.join()
	return func() {
		s.crew.leave()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, c)
		close(closed)
	}
}

// farewell tells all clients to leave. Each connection is closed when what was asked on it is answered.
func (s *Server) farewell() {
	s.mu.Lock()
	s.leave = true
	s.mu.Unlock()
	for c := range s.connections(func(*conn) bool { return true }) {
		c.mu.Lock()
		c.leave()
		c.flush()
		c.mu.Unlock()
	}
}

// Finish takes nothing new, and waits for connections that clients are still to get something from, until they are closed. It is for a
// server that is being shut down.
func (s *Server) Finish(ctx context.Context) error {
	for c := range s.connections(func(*conn) bool { return true }) {
		c.close()
	}
	for _, closed := range s.connections((*conn).busy) {
		select {
		case <-closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *Server) connections(which func(*conn) bool) map[*conn]<-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	chosen := map[*conn]<-chan struct{}{}
	for c, closed := range s.open {
		if which(c) {
			chosen[c] = closed
		}
	}
	return chosen
}

// date is what answers of one second are dated.
type date struct {
	second int64
	text   string
}

func (s *Server) now() string {
	now := time.Now()
	if d := s.date.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &date{second: now.Unix(), text: now.UTC().Format(http.TimeFormat)}
	s.date.Store(d)
	return d.text
}

func logf(server *http.Server, format string, args ...any) {
	if server.ErrorLog != nil {
		server.ErrorLog.Printf(format, args...)
	}
}
