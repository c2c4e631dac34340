package gather

import (
	"net"
	"os"
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

// corked is a connection beneath TLS. While the cork is in, it keeps what is written. No write waits for what uncork sends:
// TLS says that it ends before it closes a connection whose client reads nothing.
type corked struct {
	net.Conn
	waitless bool // reading is for what is there already; of the goroutine that reads

	mu   sync.Mutex
	kept *[]byte // nil without the cork
}

// Read implements net.Conn. Who does not wait is told of a timeout, after which TLS goes on where it was.
func (c *corked) Read(p []byte) (int, error) {
	if c.waitless {
		return 0, os.ErrDeadlineExceeded
	}
	return c.Conn.Read(p)
}

// cork puts the cork in.
func (c *corked) cork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = buffers.Get().(*[]byte)
}

// uncork sends what was kept, and then what was written meanwhile.
func (c *corked) uncork() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	for len(*c.kept) > 0 && err == nil {
		kept := c.kept
		c.kept = buffers.Get().(*[]byte)
		c.mu.Unlock()
		_, err = c.Conn.Write(*kept)
		release(kept)
		c.mu.Lock()
	}
	release(c.kept)
	c.kept = nil
	return err
}

// Write implements net.Conn.
func (c *corked) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.kept == nil {
		c.mu.Unlock()
		return c.Conn.Write(p)
	}
	defer c.mu.Unlock()
	*c.kept = append(*c.kept, p...)
	return len(p), nil
}

func release(buffer *[]byte) {
	*buffer = (*buffer)[:0]
	buffers.Put(buffer)
}
