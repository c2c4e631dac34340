package h2

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxKept is how large a buffer may be that is used again.
const maxKept = 512 << 10

// buffers hold what waits and what is being sent.
//
// A pool holds memory, not state.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

func release(buffer *[]byte) {
	if cap(*buffer) > maxKept {
		return
	}
	*buffer = (*buffer)[:0]
	buffers.Put(buffer)
}

// Listener makes connections that a Server can serve.
type Listener struct{ net.Listener }

// Accept implements net.Listener.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: c}
	if c, ok := c.(syscall.Conn); ok {
		w.raw, _ = c.SyscallConn() // without, each sending is another goroutine's
	}
	return w, nil
}

// wire is a connection beneath TLS. While the cork is in, it keeps what is written, to be sent in one piece. No write waits for what is
// sent meanwhile: TLS says that it ends before it closes a connection whose client reads nothing.
type wire struct {
	net.Conn
	raw      syscall.RawConn
	waitless bool // reading is for what is there already; of the goroutine that reads

	// Of who sends.
	sealed *[]byte // records, sent up to sent
	sent   int
	total  int64 // that the kernel took of all of them

	mu   sync.Mutex
	kept *[]byte // nil without the cork
}

// Read implements net.Conn. Who does not wait is told of a timeout, after which TLS goes on where it was.
func (w *wire) Read(p []byte) (int, error) {
	if w.waitless {
		return 0, os.ErrDeadlineExceeded
	}
	return w.Conn.Read(p)
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	if w.kept == nil {
		w.mu.Unlock()
		return w.Conn.Write(p)
	}
	defer w.mu.Unlock()
	*w.kept = append(*w.kept, p...)
	return len(p), nil
}

// seal has TLS make records of data, and keeps them. The cork stays in until all is sent.
func (w *wire) seal(secured *tls.Conn, data []byte) error {
	w.mu.Lock()
	if w.kept == nil {
		w.kept = buffers.Get().(*[]byte)
	}
	w.mu.Unlock()
	_, err := secured.Write(data)
	return err
}

// send sends what is kept. Without waiting, it returns false when the kernel takes no more for now.
func (w *wire) send(waiting bool) (all bool, err error) {
	for w.more() {
		n := 0
		if waiting {
			n, err = w.Conn.Write((*w.sealed)[w.sent:])
		} else {
			n, err = w.try((*w.sealed)[w.sent:])
		}
		w.sent += n
		w.total += int64(n)
		if err != nil || n == 0 {
			return false, err
		}
	}
	return true, nil
}

// more tells whether anything is left, and takes the cork out if not.
func (w *wire) more() bool {
	if w.sealed != nil && w.sent < len(*w.sealed) {
		return true
	}
	if w.sealed != nil {
		release(w.sealed)
		w.sealed = nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept == nil {
		return false
	}
	if len(*w.kept) == 0 {
		release(w.kept)
		w.kept = nil
		return false
	}
	w.sealed, w.sent, w.kept = w.kept, 0, buffers.Get().(*[]byte)
	return true
}

// try writes what the kernel takes at once.
func (w *wire) try(p []byte) (n int, err error) {
	if w.raw == nil {
		return 0, nil
	}
	failed := w.raw.Write(func(fd uintptr) bool {
		for n, err = unix.Write(int(fd), p); err == unix.EINTR; n, err = unix.Write(int(fd), p) {
		}
		return true
	})
	switch {
	case failed != nil:
		return 0, failed
	case err == unix.EAGAIN:
		return 0, nil
	case err != nil:
		return 0, os.NewSyscallError("write", err)
	}
	return n, nil
}

// halves is what of a TCP connection is needed to end it gently.
type halves interface {
	net.Conn
	CloseWrite() error
}

// linger waits until the client has what was sent. The kernel throws away what it has not sent yet when a connection is closed
// that has unread bytes (RFC 2525, 2.17), and the client of an answer tells HTTP/2 all the time how much it has read. Who is cut off may
// still be sending, and is to learn why.
func (c *conn) linger() {
	tcp, ok := c.wire.Conn.(halves)
	if !ok {
		return
	}
	atMost := goodbye
	if c.wire.unsent() > 0 {
		atMost = c.lastWords
	} else if !c.cut {
		return
	}
	if tcp.CloseWrite() != nil || tcp.SetReadDeadline(time.Now().Add(atMost)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, tcp) // ends when the client closes, too, having read all
}

// unsent counts the bytes that the client's kernel has not confirmed; 0 when it cannot be told.
func (w *wire) unsent() (bytes int) {
	if w.raw == nil {
		return 0
	}
	var err error
	if w.raw.Control(func(fd uintptr) { bytes, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }) != nil || err != nil {
		return 0
	}
	return bytes
}
