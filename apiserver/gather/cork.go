package gather

import (
	"net"
	"sync"
)

// Listener makes connections whose TLS records Conn can send in one system call.
type Listener struct{ net.Listener }

// Accept implements net.Listener.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &corked{Conn: c}, nil
}

// corked is a connection beneath TLS. While the cork is in, it keeps what is written.
type corked struct {
	net.Conn
	mu   sync.Mutex
	kept *[]byte // nil without the cork
}

// cork puts the cork in.
func (c *corked) cork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = buffers.Get().(*[]byte)
}

// uncork sends what was kept.
func (c *corked) uncork() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.kept
	c.kept = nil
	var err error
	if len(*kept) > 0 {
		_, err = c.Conn.Write(*kept)
	}
	*kept = (*kept)[:0]
	buffers.Put(kept)
	return err
}

// Write implements net.Conn.
func (c *corked) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		return c.Conn.Write(p)
	}
	*c.kept = append(*c.kept, p...)
	return len(p), nil
}
