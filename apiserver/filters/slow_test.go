package filters

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/coxswain-k8s/coxswain/apiserver/h2"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// atOnce is a short time for requests.
const atOnce = 100 * time.Millisecond

// network has one listener and no kernel, so that time passes only where everybody waits for it.
type network struct {
	dialled chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// Accept implements net.Listener.
func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.dialled:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

// Addr implements net.Listener.
func (*network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (n *network) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case n.dialled <- theirs:
		return ours, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

// listening is a server on a network of its own.
type listening struct {
	*httptest.Server
	network *network
}

// listen serves HTTP/1.1 and HTTP/2 as the API server does, with one seat.
func listen(t *testing.T, fair bool, handler http.HandlerFunc) *listening {
	t.Helper()
	c := busy(fair)
	c.RequestTimeout, c.Stopping = atOnce, t.Context()
	c.Names = func(*request.Info) metrics.Names { return metrics.Names{} }
	c.Refuse = func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
	}
	server := httptest.NewUnstartedServer(c.Wrap(handler))
	server.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}, SessionTicketsDisabled: true} // nothing is sent that nobody reads
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	new(h2.Server).Attach(server.Config)
	_ = server.Listener.Close()
	n := &network{dialled: make(chan net.Conn), closed: make(chan struct{})}
	server.EnableHTTP2, server.Listener = true, h2.Listener{Listener: n}
	server.StartTLS()
	t.Cleanup(server.Close)
	server.Client().Transport.(*http.Transport).DialContext = n.dial
	return &listening{server, n}
}

// dial connects by that protocol.
func dial(t *testing.T, server *listening, protocol string) *tls.Conn {
	t.Helper()
	below, err := server.network.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { below.Close() })
	if err := below.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(below, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return conn
}

// send asks for pods. Of a body, the first of ten bytes is sent. Nothing is read.
func send(t *testing.T, conn *tls.Conn, method string) {
	t.Helper()
	const path = "/api/v1/namespaces/a/pods"
	var out, block bytes.Buffer
	if conn.ConnectionState().NegotiatedProtocol != "h2" {
		fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: x\r\n", method, path)
		if method == http.MethodPost {
			out.WriteString("Content-Length: 10\r\n\r\n{")
		} else {
			out.WriteString("\r\n")
		}
	} else {
		out.WriteString(http2.ClientPreface)
		framer, encoder := http2.NewFramer(&out, nil), hpack.NewEncoder(&block)
		fields := [][2]string{{":method", method}, {":scheme", "https"}, {":authority", "x"}, {":path", path}}
		if method == http.MethodPost {
			fields = append(fields, [2]string{"content-length", "10"})
		}
		for _, f := range fields {
			_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		err := errors.Join(framer.WriteSettings(), framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: method != http.MethodPost,
		}))
		if method == http.MethodPost {
			err = errors.Join(err, framer.WriteData(1, false, []byte("{")))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Write(out.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// A client that does not send what it announces, or does not read what it asked for, has its seat no longer than a request may last.
func TestASlowClientDoesNotKeepItsSeat(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			t.Run(protocol+" "+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testSlowClient(t, protocol, method) })
			})
		}
	}
}

func testSlowClient(t *testing.T, protocol, method string) {
	ended := make(chan error, 1)
	server := listen(t, protocol == "h2", func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "x" {
			return
		}
		_, err := io.ReadAll(r.Body)
		for part := make([]byte, 1<<20); err == nil; {
			_, err = w.Write(part)
		}
		ended <- err
	})
	send(t, dial(t, server, protocol), method)
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the request goes on for as long as its client likes")
	}
	expectServed(t, server, method)
}

// expectServed waits until the seat is free: a handler has it until a moment after it ends.
func expectServed(t *testing.T, server *listening, method string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; {
		r, err := http.NewRequest(method, server.URL+"/api/v1/namespaces/a/pods", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the next is answered with %d", response.StatusCode)
		}
	}
}

// Who is refused before the body is there does not keep the connection either: the library waits for the rest of it.
func TestARefusedClientDoesNotKeepItsConnection(t *testing.T) {
	synctest.Test(t, testRefusedClient)
}

func testRefusedClient(t *testing.T) {
	t.Helper()
	server := listen(t, false, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
	conn := dial(t, server, "http/1.1")
	send(t, conn, http.MethodPost)
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 403 ") {
		t.Errorf("answered with %q and %v", answer, err)
	}
}

// What lasts may follow, on the same connection, what does not.
func TestDeadlinesEndWithTheirRequest(t *testing.T) {
	synctest.Test(t, testDeadlines)
}

func testDeadlines(t *testing.T) {
	t.Helper()
	server := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		if request.From(r.Context()).LongRunning() {
			<-time.After(atOnce + lastWords + atOnce) // past all deadlines of the first
		}
		fmt.Fprint(w, r.Method, " ", err, " ", r.Context().Err())
	})
	conn := dial(t, server, "http/1.1")
	from := bufio.NewReader(conn)
	for _, test := range [][2]string{
		{"POST /api/v1/namespaces/a/pods HTTP/1.1\r\nHost: y\r\nContent-Length: 2\r\n\r\n{}", "POST <nil> <nil>"},
		{"POST /api/v1/namespaces/a/pods/x/exec HTTP/1.1\r\nHost: y\r\nContent-Length: 2\r\n\r\n{}", "POST <nil> <nil>"},
		{"GET /api/v1/namespaces/a/pods HTTP/1.1\r\nHost: y\r\n\r\n", "GET <nil> <nil>"},
	} {
		if _, err := io.WriteString(conn, test[0]); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatalf("%s: %v", test[0], err)
		}
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != test[1] {
			t.Errorf("%s: %q and %v", test[0], body, err)
		}
	}
}
