package gather

import (
	"context"
	"sync"
)

// Conns are the open connections of a server. The zero value is ready.
type Conns struct {
	mu   sync.Mutex
	open map[*Conn]chan struct{} // closed when the connection is
}

// add returns what takes the connection out again.
func (s *Conns) add(c *Conn) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*Conn]chan struct{}{}
	}
	closed := make(chan struct{})
	s.open[c] = closed
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, c)
		close(closed)
	}
}

// Finish waits for connections that clients are still to get something from, until they are closed. It is for a server that is
// being shut down: its connections are closed when all is answered and sent.
func (s *Conns) Finish(ctx context.Context) error {
	for _, closed := range s.busy() {
		select {
		case <-closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *Conns) busy() []<-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	var busy []<-chan struct{}
	for c, closed := range s.open {
		if c.busy() {
			busy = append(busy, closed)
		}
	}
	return busy
}
