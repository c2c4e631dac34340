package h2

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// pipes is a network without a kernel: nothing is written that nobody reads, and time passes only where everybody waits for it.
type pipes struct {
	dialled chan net.Conn
	closed  chan struct{}
	once    sync.Once
	writes  atomic.Int64 // by the server
	client  *slow
}

// slow is a client's connection that may take long for a little.
type slow struct {
	net.Conn
	pace time.Duration // for a KiB, by the clock of a synctest bubble: no time passes
}

func (s *slow) Read(p []byte) (int, error) {
	if s.pace == 0 {
		return s.Conn.Read(p)
	}
	time.Sleep(s.pace)
	return s.Conn.Read(p[:min(len(p), 1<<10)])
}

// counted counts what the server writes.
type counted struct {
	net.Conn
	writes *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialled:
		return counted{c, &p.writes}, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

// Addr implements net.Listener.
func (*pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// onPipes is a server that a client talks to without a kernel between them.
func onPipes(t *testing.T, handler http.HandlerFunc) (*peer, *pipes, *httptest.Server) {
	t.Helper()
	network := &pipes{dialled: make(chan net.Conn), closed: make(chan struct{})}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.EnableHTTP2, server.Listener = true, Listener{network}
	server.TLS = &tls.Config{NextProtos: []string{"h2"}, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true}
	new(Server).Attach(server.Config)
	server.StartTLS()
	t.Cleanup(server.Close)
	ours, theirs := net.Pipe()
	network.dialled <- theirs
	network.client = &slow{Conn: ours}
	return hello(t, network.client, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}), network, server
}

// While the first event is being sent, the others gather.
func TestWhatIsReadyTogetherLeavesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const watches = 50
		event, over := make(chan struct{}), make(chan struct{})
		p, network, _ := onPipes(t, func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-event
			fmt.Fprint(w, "event")
			_ = http.NewResponseController(w).Flush()
			<-over
		})
		p.expectSettings()
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			for i := range uint32(watches) {
				p.request(1+2*i, false)
			}
		}()
		for range watches {
			if got := p.next(); !strings.HasPrefix(got, "HEADERS") {
				t.Fatal(got)
			}
		}
		<-asked
		before := network.writes.Load()
		for range watches {
			event <- struct{}{}
		}
		synctest.Wait() // the first is being sent, and nobody reads
		for range watches {
			if got := p.next(); !strings.Contains(got, "event") {
				t.Fatal(got)
			}
		}
		if writes := network.writes.Load() - before; writes > 2 {
			t.Errorf("%d events left in %d pieces", watches, writes)
		}
		close(over)
		go func() { _, _ = io.Copy(io.Discard, p.conn) }()
		synctest.Wait()
	})
}

// A client that takes nothing is cut off, and who writes to it is freed.
func TestAClientThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		freed := make(chan error, 1)
		p, _, _ := onPipes(t, func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.Copy(w, zeros{})
			freed <- err
		})
		p.check(p.conn.SetDeadline(time.Time{}))
		began := time.Now()
		p.expectSettings()
		p.request(1, false)
		p.check(p.framer.WriteWindowUpdate(0, 1<<30))
		if err := <-freed; err == nil {
			t.Error("all was written")
		}
		if took := time.Since(began); took != patience {
			t.Errorf("it took %s", took)
		}
	})
}

// A client that takes something now and then gets all, also when it was told to leave.
func TestASlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 200 << 10
		p, network, server := onPipes(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = w.Write(make([]byte, size))
		})
		p.check(p.conn.SetDeadline(time.Time{}))
		p.expectSettings()
		p.check(p.framer.WriteWindowUpdate(0, 1<<30))
		network.client.pace = patience * 2 / 3
		p.request(1, false)
		for got := 0; got < size; {
			frame, err := p.framer.ReadFrame()
			if err != nil {
				t.Fatalf("%v after %d bytes", err, got)
			}
			if f, ok := frame.(*http2.DataFrame); ok {
				got += len(f.Data())
			}
		}
		network.client.pace = 0
		go func() { _, _ = io.Copy(io.Discard, p.conn) }()
		server.Config.Close()
		synctest.Wait()
	})
}

// Whatever waits for a client, closing the server does not wait for it long.
func TestCloseWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := make(chan struct{})
		p, _, server := onPipes(t, func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			_, _ = io.Copy(w, zeros{})
		})
		p.expectSettings()
		p.request(1, false)
		<-begun
		synctest.Wait()
		began := time.Now()
		server.Config.Close()
		synctest.Wait()
		if took := time.Since(began); took > lastWords {
			t.Errorf("closing took %s", took)
		}
	})
}
