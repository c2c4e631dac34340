package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"

	"google.golang.org/grpc"
)

// Socket is where clients call.
type Socket struct {
	listener net.Listener
	serve    func() *grpc.Server
	done     chan struct{}

	mu      sync.Mutex
	closed  bool
	serving *grpc.Server // nil before the first call
}

// Listen opens the socket, in place of one that an earlier process left. serve makes what answers there.
func Listen(path string, serve func() *grpc.Server) (*Socket, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing an old socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("opening the socket of etcd: %w", err)
	}
	s := &Socket{listener: listener, serve: serve, done: make(chan struct{})}
	go s.run()
	return s, nil
}

// Close ends the calls that are under way and removes the socket.
func (s *Socket) Close() {
	s.mu.Lock()
	s.closed = true
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
	first, err := s.listener.Accept()
	if err != nil {
		return // closed
	}
	if server := s.server(); server == nil || server.Serve(&began{Listener: s.listener, first: first}) != nil {
		first.Close()
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
