package h2

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	readBuffer = 4 << 10
	// prefaceTime is how long a client may take for its first frame.
	prefaceTime = 10 * time.Second
	// goodbye is how long a client that is told to leave, and has all that it asked for, may take to close the connection.
	goodbye = time.Second
	// lastWords is how long a connection that is cut off may take to send what was written before, and any the kernel.
	lastWords = 5 * time.Second
	// patience is how long a client may take nothing of what is sent. Who waits for it is freed then.
	patience = 30 * time.Second
)

// conn is a connection. Its mutex guards its streams, too.
//
//	open    -- leave -->                   leaving: the client is to send nothing new; what it sent before it heard of it is taken
//	leaving -- it has heard, or time -->   left: nothing new is taken
//	left    -- no stream is left -->       the client closes, or is closed after the goodbye
//	any     -- an error of the protocol --> the client is told, what waits is sent, closed
//	any     -- nobody hears or speaks -->  broken
type conn struct {
	owner               *Server
	server              *http.Server
	handler             http.Handler
	secured             *tls.Conn
	wire                *wire
	tls                 *tls.ConnectionState
	remote              string
	ctx                 context.Context // of requests
	cancel              context.CancelFunc
	limit               int // of streams, and of handlers
	patience, lastWords time.Duration

	// Of the goroutine that reads.
	in      *bufio.Reader
	framer  *http2.Framer
	names   map[string]string // of headers, as clients write them: as http.Header has them
	settled bool              // the client's settings are known
	heard   bool              // ours are known to it

	handlers sync.WaitGroup
	senders  sync.WaitGroup

	mu      sync.Mutex
	streams map[uint32]*stream
	queue   []*stream   // whose handlers must wait for others to end
	running int         // handlers
	lastID  uint32      // of the client's streams
	taken   recent      // back, by us
	leaving *time.Timer // the client is told to leave
	left    bool        // and which is the last request that is taken
	cut     bool        // because of an error
	broken  error       // why nothing can be sent any more
	closing bool        // it is being closed, and the client may still get something
	idle    *time.Timer
	since   time.Time // when no stream was left
	receive inflow
	common  any // of its answers
	sending
}

func newConn(owner *Server, server *http.Server, secured *tls.Conn, below *wire) *conn {
	state := secured.ConnectionState()
	c := &conn{
		owner: owner, server: server, secured: secured, wire: below, tls: &state, remote: secured.RemoteAddr().String(), limit: 250,
		patience: patience, lastWords: lastWords, in: bufio.NewReaderSize(secured, readBuffer), streams: map[uint32]*stream{}, receive: inflow{left: bodyWindow},
	}
	if server.HTTP2 != nil && server.HTTP2.MaxConcurrentStreams > 0 {
		c.limit = server.HTTP2.MaxConcurrentStreams
	}
	c.framer = http2.NewFramer(io.Discard, c.in)
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(frameSize)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(tableSize, nil)
	c.framer.MaxHeaderListSize = maxHeaders(server)
	c.sending.init(&c.mu)
	c.greet()
	return c
}

// maxHeaders is what a client's headers may take in the measure of HTTP/2, which adds 32 bytes to each.
func maxHeaders(server *http.Server) uint32 {
	const typical = 10 * 32
	if server.MaxHeaderBytes <= 0 {
		return http.DefaultMaxHeaderBytes + typical
	}
	return uint32(server.MaxHeaderBytes + typical)
}

// serve returns when all is over.
func (c *conn) serve() {
	c.mu.Lock()
	c.quiet()
	if !isStrong(c.tls) {
		c.goAway(http2.ErrCodeInadequateSecurity)
	}
	c.flush()
	cut := c.cut
	c.mu.Unlock()
	if cut {
		c.end(http2.ConnectionError(http2.ErrCodeInadequateSecurity))
		return
	}
	c.end(c.read())
}

// isStrong tells whether RFC 9113, 9.2.2 lets HTTP/2 be spoken so.
func isStrong(state *tls.ConnectionState) bool {
	if state.Version != tls.VersionTLS12 {
		return state.Version > tls.VersionTLS12
	}
	switch state.CipherSuite {
	case tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return true
	}
	return false
}

// read takes frames until there are no more.
func (c *conn) read() error {
	_ = c.wire.SetReadDeadline(time.Now().Add(prefaceTime)) // fails when it is closed
	var preface [len(http2.ClientPreface)]byte
	_, err := io.ReadFull(c.in, preface[:])
	if err == nil && !bytes.Equal(preface[:], []byte(http2.ClientPreface)) {
		err = c.judge(http2.ConnectionError(http2.ErrCodeProtocol))
	}
	for err == nil {
		var frame http2.Frame
		if frame, err = c.framer.ReadFrame(); err == nil {
			err = c.take(frame)
		}
		if err = c.judge(err); err == nil && !c.more() {
			err = c.respond()
		}
	}
	return err
}

// more tells whether a whole frame is there that TLS has taken from the kernel already.
func (c *conn) more() bool {
	if c.in.Buffered() == 0 {
		c.wire.waitless = true
		_, _ = c.in.Peek(1) // an error is there for the next who asks, too
		c.wire.waitless = false
	}
	if c.in.Buffered() < headSize {
		return false
	}
	head, err := c.in.Peek(3)
	return err == nil && c.in.Buffered() >= headSize+int(head[0])<<16+int(head[1])<<8+int(head[2])
}

// respond does, after the frames of a moment, what they let be done.
func (c *conn) respond() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wakeCredited()
	c.flush()
	return c.broken
}

// judge does what an error asks for, and returns those that end the connection.
func (c *conn) judge(err error) error {
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var ofStream http2.StreamError
	var ofConn http2.ConnectionError
	switch {
	case errors.As(err, &ofStream):
		c.reset(ofStream.StreamID, ofStream.Code)
		return c.broken
	case errors.As(err, &ofConn):
		c.goAway(http2.ErrCode(ofConn))
	case errors.Is(err, http2.ErrFrameTooLarge):
		c.goAway(http2.ErrCodeFrameSize)
		return http2.ConnectionError(http2.ErrCodeFrameSize)
	}
	return err
}

// farewell is what a client confirms that has heard that it is to leave.
var farewell = [8]byte{'f', 'a', 'r', 'e', 'w', 'e', 'l', 'l'}

// leave has the client send nothing new, in two steps (RFC 9113, 6.8): a request that was under way when it was told so is served, too,
// since not every client can send its body again. The mutex is held.
func (c *conn) leave() {
	if c.left || c.leaving != nil || c.broken != nil {
		return
	}
	c.frameHead(8, http2.FrameGoAway, 0, 0)
	c.numbers(math.MaxInt32, uint32(http2.ErrCodeNo))
	c.frameHead(len(farewell), http2.FramePing, 0, 0)
	*c.out = append(*c.out, farewell[:]...)
	c.leaving = time.AfterFunc(goodbye, c.close)
}

// close takes nothing new.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.goAway(http2.ErrCodeNo)
	c.flush()
}

// goAway tells the client what the last request is that is taken. The mutex is held.
func (c *conn) goAway(code http2.ErrCode) {
	if c.broken != nil || c.left && (c.cut || code == http2.ErrCodeNo) {
		return
	}
	if c.leaving != nil {
		c.leaving.Stop()
	}
	c.left, c.cut = true, code != http2.ErrCodeNo
	c.frameHead(8, http2.FrameGoAway, 0, 0)
	c.numbers(c.lastID, uint32(code))
	if len(c.streams) == 0 {
		c.quiet()
	}
}

// quiet is called when no stream is left. The mutex is held.
func (c *conn) quiet() {
	switch {
	case c.left:
		_ = c.wire.SetReadDeadline(time.Now().Add(goodbye)) // fails when it is closed
	case c.server.IdleTimeout > 0:
		c.since = time.Now()
		if c.idle == nil {
			c.idle = time.AfterFunc(c.server.IdleTimeout, c.checkIdle)
		}
	}
}

// checkIdle ends a connection that is not used. There is one timer at a time, which is not touched by what happens meanwhile.
func (c *conn) checkIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = nil
	rest := c.server.IdleTimeout - time.Since(c.since)
	switch {
	case len(c.streams) > 0 || c.left || c.broken != nil:
	case rest > 0:
		c.idle = time.AfterFunc(rest, c.checkIdle)
	default:
		c.leave()
		c.flush()
	}
}

// busy says whether the client is still to get something.
func (c *conn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing || c.broken == nil && (c.running > 0 || c.active || c.out != nil)
}

// fail is called when nothing can be sent any more. The mutex is held.
func (c *conn) fail(err error) {
	if c.broken != nil {
		return
	}
	if err == io.EOF { // of the connection; a body that is cut off there is not whole
		err = io.ErrUnexpectedEOF
	}
	c.broken = err
	for _, st := range c.streams {
		st.lose(err)
	}
	c.wakeAll()
	_ = c.wire.Close() // who reads must learn of it
}

// end closes the connection: at once if the client cannot be reached, else what was written before is sent, if it is taken soon.
func (c *conn) end(err error) {
	var ofProtocol http2.ConnectionError
	c.mu.Lock()
	if !errors.As(err, &ofProtocol) && (!c.left || !errors.Is(err, os.ErrDeadlineExceeded)) {
		c.fail(err)
	}
	c.closing = c.broken == nil
	c.left = true
	for _, st := range c.streams {
		st.lose(net.ErrClosed)
	}
	c.flush()
	if c.active && c.cut {
		_ = c.wire.SetWriteDeadline(time.Now().Add(c.lastWords)) // fails when it is closed
	}
	for c.active {
		c.changed.Wait()
	}
	gently := c.broken == nil
	if gently {
		c.broken = net.ErrClosed
	}
	if c.idle != nil {
		c.idle.Stop()
	}
	if c.leaving != nil {
		c.leaving.Stop()
	}
	c.wakeAll()
	c.mu.Unlock()
	c.cancel()
	if gently && c.secured.CloseWrite() == nil { // TLS says that it ends
		c.linger()
	}
	_ = c.wire.Close()
	c.handlers.Wait()
	c.senders.Wait()
	c.mu.Lock()
	c.closing = false
	c.mu.Unlock()
}
