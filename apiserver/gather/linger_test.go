package gather

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"
)

// TestAClosedConnectionSendsTheRest has a client whose words nobody reads any more, for which the kernel would throw away the rest.
func TestAClosedConnectionSendsTheRest(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	data := bytes.Repeat([]byte("rest"), 25<<10)
	said, closed := make(chan struct{}), make(chan error, 1)
	go func() {
		c, err := Listener{listener}.Accept()
		if err != nil {
			closed <- err
			return
		}
		_ = c.(*corked).Conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
		secured := tls.Server(c, &tls.Config{Certificates: server.TLS.Certificates})
		ours := NewConn(secured)
		ours.lastWords = time.Minute
		if err := secured.Handshake(); err != nil {
			closed <- err
			return
		}
		if _, err := ours.Write(data); err != nil {
			closed <- err
			return
		}
		<-said
		closed <- ours.Close()
	}()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_ = raw.(*net.TCPConn).SetReadBuffer(4 << 10)
	client := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("nobody reads this")); err != nil {
		t.Fatal(err)
	}
	close(said)
	select {
	case err := <-closed:
		t.Fatalf("closed before the client has read: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes of %d: %v", len(got), len(data), err)
	}
	client.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
