package gather

import (
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// halves is what of a TCP connection is needed to end it gently.
type halves interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// linger waits until the client has what was sent. The kernel throws away what it has not sent yet when a connection is closed
// that has unread bytes (RFC 2525, 2.17), and the client of an answer tells HTTP/2 all the time how much it has read.
func linger(c net.Conn, atMost time.Duration) {
	tcp, ok := beneath(c).(halves)
	if !ok || unsent(tcp) == 0 || tcp.CloseWrite() != nil || tcp.SetReadDeadline(time.Now().Add(atMost)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, tcp) // ends when the client closes, too, having read all
}

func beneath(c net.Conn) net.Conn {
	if c, ok := c.(*corked); ok {
		return c.Conn
	}
	return c
}

// unsent counts the bytes that the client's kernel has not confirmed; 0 when it cannot be told.
func unsent(c syscall.Conn) (bytes int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	if raw.Control(func(fd uintptr) { bytes, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }) != nil || err != nil {
		return 0
	}
	return bytes
}
