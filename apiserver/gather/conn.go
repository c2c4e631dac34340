package gather

import (
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"sync"
	"time"
)

const (
	// maxWaiting bounds what a connection holds: a writer of more waits until the client has taken some.
	maxWaiting = 128 << 10
	// maxRecord is what a TLS record holds at most.
	maxRecord = 16 << 10
	// lastWords is how long a connection that is closed may take to send what was written before: HTTP/2 closes one a second after
	// the last answer was written, however slowly the client reads.
	lastWords = 5 * time.Second
	// patience is how long what is sent at once may take. Who waits for a client that takes nothing is freed by it: that the time of
	// a stream is up is said on the connection, too.
	patience = 30 * time.Second
)

// buffers hold what waits and what is being sent.
//
// A pool holds memory, not state.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Conn is a TLS connection that gathers what is written to it. A write that cannot be sent fails a later one.
//
//	idle    -- Write -->     sending: a goroutine takes what waits, again and again
//	sending -- nothing waits --> idle: no goroutine, no buffer
type Conn struct {
	*tls.Conn
	lastWords, patience time.Duration
	reading             *reading // nil where the connection is not of a Listener

	mu      sync.Mutex
	changed sync.Cond // waiting or err was changed, or sending ended
	waiting *[]byte
	sending bool
	closing bool
	lasting bool // it is closed, and the client is still being given the rest
	active  bool // something is being answered
	err     error
}

// NewConn gathers the writes to a connection.
func NewConn(c *tls.Conn) *Conn {
	g := &Conn{Conn: c, lastWords: lastWords, patience: patience, reading: newReading(c)}
	g.changed.L = &g.mu
	return g
}

// Read implements net.Conn. It is for one goroutine at a time.
func (c *Conn) Read(p []byte) (int, error) {
	if c.reading == nil {
		return c.Conn.Read(p)
	}
	return c.reading.Read(p)
}

// Write implements net.Conn. It waits only when the client is slow.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.err == nil && c.waiting != nil && len(*c.waiting)+len(p) > maxWaiting {
		c.changed.Wait()
	}
	if c.err != nil {
		return 0, c.err
	}
	if c.waiting == nil {
		c.waiting = buffers.Get().(*[]byte)
	}
	*c.waiting = append(*c.waiting, p...)
	if !c.sending {
		c.sending = true
		go c.send()
	}
	return len(p), nil
}

// send sends until nothing waits.
func (c *Conn) send() {
	runtime.Gosched() // who is ready to write, writes first
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.waiting != nil && c.err == nil {
		out := c.waiting
		c.waiting = nil
		c.changed.Broadcast()
		if !c.closing {
			_ = c.SetWriteDeadline(time.Now().Add(c.patience)) // fails when it is closed
		}
		c.mu.Unlock()
		err := c.sendAll(*out)
		release(out)
		c.mu.Lock()
		if err != nil && c.err == nil {
			c.err = err
			_ = c.NetConn().Close() // who reads must learn of it
		}
	}
	c.sending = false
	c.changed.Broadcast()
}

// sendAll sends some records, together where the connection is of a Listener and there are several.
func (c *Conn) sendAll(data []byte) error {
	below, ok := c.NetConn().(*corked)
	if !ok || len(data) <= maxRecord {
		_, err := c.Conn.Write(data)
		return err
	}
	below.cork()
	_, err := c.Conn.Write(data)
	return errors.Join(err, below.uncork())
}

// busy says whether the client is still to get something.
func (c *Conn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lasting || c.err == nil && (c.active || c.sending)
}

// setActive notes whether something is being answered.
func (c *Conn) setActive(active bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active = active
}

// Close implements net.Conn. What was written before is sent, if the client takes it soon.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.closing = true
	if c.err == nil && c.sending {
		_ = c.SetWriteDeadline(time.Now().Add(c.lastWords)) // fails when it is closed
	}
	for c.err == nil && c.sending {
		c.changed.Wait()
	}
	broken := c.err != nil
	if !broken {
		c.err, c.lasting = net.ErrClosed, true
	}
	c.changed.Broadcast()
	c.mu.Unlock()
	if broken {
		return c.NetConn().Close() // nobody would hear TLS say that it ends
	}
	defer c.ended()
	if c.CloseWrite() == nil { // TLS says that it ends
		linger(c.NetConn(), c.lastWords)
	}
	return c.Conn.Close()
}

func (c *Conn) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lasting = false
}
