package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// Socket is where clients call.
type Socket struct {
	listener net.Listener
	serve    func() *grpc.Server
	closing  chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	closed  bool
	serving *grpc.Server // nil before the first call
}

// How long to wait before a call is waited for again.
const (
	retryFirst = 5 * time.Millisecond
	retryMost  = time.Second
)

// Listen opens the socket, in place of one that an earlier process left. serve makes what answers there.
func Listen(path string, serve func() *grpc.Server) (*Socket, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing an old socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the socket: %w", err)
	}
	return on(listener, serve), nil
}

func on(listener net.Listener, serve func() *grpc.Server) *Socket {
	s := &Socket{listener: listener, serve: serve, closing: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

// Close ends the calls that are under way and removes the socket. It is called once.
func (s *Socket) Close() {
	s.mu.Lock()
	s.closed = true
	close(s.closing)
	serving := s.serving
	s.mu.Unlock()
	s.listener.Close()
	if serving != nil {
		serving.Stop()
	}
	<-s.done
}

// run serves from the first call until Close.
func (s *Socket) run() {
	defer close(s.done)
	first, ok := s.first()
	if !ok {
		return
	}
	if server := s.server(); server == nil || server.Serve(&began{Listener: s.listener, first: first}) != nil {
		first.Close()
	}
}

// first waits for the first call, until Close. What fails for want of descriptors, say, is tried again.
func (s *Socket) first() (net.Conn, bool) {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		first, err := s.listener.Accept()
		if err == nil {
			return first, true
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, false
		}
		select {
		case <-s.closing:
			return nil, false
		case <-time.After(wait):
		}
	}
}

// server is nil after Close.
func (s *Socket) server() *grpc.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.serving = s.serve()
	return s.serving
}

// began is a listener of whom one connection was accepted already.
type began struct {
	net.Listener
	first net.Conn
}

// Accept implements net.Listener. One goroutine calls it.
func (b *began) Accept() (net.Conn, error) {
	if first := b.first; first != nil {
		b.first = nil
		return first, nil
	}
	return b.Listener.Accept()
}
