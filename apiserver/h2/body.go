package h2

import (
	"fmt"
	"io"
	"net/http"
	"os"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// body is what a client sends behind its headers. It is guarded by the connection's mutex.
type body struct {
	st       *stream
	data     []byte // not read yet, from read on
	read     int
	declared int64 // by the client; -1 when it does not say
	came     int64
	receive  inflow
	err      error // behind data
	closed   bool  // nobody reads any more
}

// take adds data; size is what it takes of the windows.
func (b *body) take(data []byte, size int64, end bool) error {
	st, c := b.st, b.st.conn
	b.came += int64(len(data))
	malformed := b.declared >= 0 && (b.came > b.declared || end && b.came < b.declared)
	switch {
	case size > b.receive.left:
		c.update(0, c.receive.settle(size))
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeFlowControl}
	case malformed:
		c.update(0, c.receive.settle(size))
		b.fail(fmt.Errorf("request declared a Content-Length of %d but wrote %d bytes", b.declared, b.came))
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
	}
	b.receive.left -= size
	unused := size // padding, and what nobody reads
	if !b.closed {
		unused -= int64(len(data))
		b.keep(data)
	}
	c.update(0, c.receive.settle(unused))
	if end {
		st.remoteEnded = true
		b.fail(io.EOF)
	} else {
		c.update(st.id, b.receive.settle(unused))
	}
	st.changed.Broadcast()
	return nil
}

func (b *body) keep(data []byte) {
	if b.data == nil && b.declared > 0 {
		b.data = make([]byte, 0, min(b.declared, frameSize))
	}
	if b.read > len(b.data)/2 {
		b.data = b.data[:copy(b.data, b.data[b.read:])]
		b.read = 0
	}
	b.data = append(b.data, data...)
}

func (b *body) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// close returns by how much the window of the connection is to be extended for what was never read.
func (b *body) close() uint32 {
	b.closed = true
	unread := len(b.data) - b.read
	b.data, b.read = nil, 0
	return b.st.conn.receive.settle(int64(unread))
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	st, c := b.st, b.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.wantContinue && !b.closed && !st.answer.sent && st.unable() == nil {
		st.wantContinue = false
		c.headers(st.id, []hpack.HeaderField{{Name: ":status", Value: "100"}}, false)
		c.flush()
	}
	for {
		switch {
		case b.closed:
			return 0, http.ErrBodyReadAfterClose
		case b.read < len(b.data):
			return b.hand(p), nil
		case b.err == io.EOF:
			b.handTrailer()
			return 0, io.EOF
		case b.err != nil:
			return 0, b.err
		case isOver(st.readBy):
			return 0, os.ErrDeadlineExceeded
		}
		st.pause(&st.changed, st.readBy)
	}
}

func (b *body) hand(p []byte) int {
	st, c := b.st, b.st.conn
	n := copy(p, b.data[b.read:])
	if b.read += n; b.read == len(b.data) {
		b.data, b.read = b.data[:0], 0
	}
	c.update(0, c.receive.settle(int64(n)))
	if !st.remoteEnded && st.lost == nil {
		c.update(st.id, b.receive.settle(int64(n)))
	}
	c.flush()
	return n
}

// handTrailer gives the handler those that the client announced.
func (b *body) handTrailer() {
	for name, values := range b.st.trailer {
		if _, ok := b.st.request.Trailer[name]; ok {
			b.st.request.Trailer[name] = values
		}
	}
}

// Close implements io.Closer.
func (b *body) Close() error {
	c := b.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.update(0, b.close())
	c.flush()
	return nil
}
