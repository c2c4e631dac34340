package gather

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counted counts the writes to a connection.
type counted struct {
	net.Conn
	mu     sync.Mutex
	writes int
}

func (c *counted) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes++
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// pair is a gathered connection and its client, and what is beneath the first.
func pair(t *testing.T) (*Conn, *tls.Conn, *counted) {
	t.Helper()
	certificates := httptest.NewUnstartedServer(nil)
	certificates.StartTLS()
	certificates.Close()
	ours, theirs := net.Pipe()
	below := &counted{Conn: ours}
	server := tls.Server(&corked{Conn: below}, &tls.Config{Certificates: certificates.TLS.Certificates, DynamicRecordSizingDisabled: true})
	client := tls.Client(&corked{Conn: theirs}, &tls.Config{InsecureSkipVerify: true})
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.NetConn().Close() })
	return NewConn(server), client, below
}

func TestWritesOfAMomentAreSentTogether(t *testing.T) {
	server, client, below := pair(t)
	below.writes = 0
	for range 100 {
		if _, err := server.Write([]byte("event")); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 500)
	if _, err := io.ReadFull(client, got); err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("event", 100); string(got) != want {
		t.Errorf("read %q", got)
	}
	below.mu.Lock()
	defer below.mu.Unlock()
	if below.writes > 50 {
		t.Errorf("100 writes became %d", below.writes)
	}
}

func TestRecordsAreSentTogether(t *testing.T) {
	server, client, below := pair(t)
	below.writes = 0
	data := bytes.Repeat([]byte("0123456789abcdef"), 6<<10) // six records
	if _, err := server.Write(data); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(data))
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read something else: %v", err)
	}
	below.mu.Lock()
	defer below.mu.Unlock()
	if below.writes != 1 {
		t.Errorf("one write became %d", below.writes)
	}
}

func TestAWriterWaitsForASlowClient(t *testing.T) {
	server, client, _ := pair(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	done := make(chan error, 1)
	go func() {
		for rest := data; len(rest) > 0; rest = rest[1<<10:] {
			if _, err := server.Write(rest[:1<<10]); err != nil {
				done <- err
				return
			}
		}
		done <- server.Close()
	}()
	select {
	case err := <-done:
		t.Fatalf("all was written before anything was read: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if got, err := io.ReadAll(client); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes: %v", len(got), err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCloseDoesNotWaitForeverForAClient(t *testing.T) {
	synctest.Test(t, testClose)
}

func testClose(t *testing.T) {
	t.Helper()
	server, _, _ := pair(t)
	server.lastWords = 10 * time.Millisecond
	if _, err := server.Write([]byte("nobody reads this")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	server.Close()
	if took := time.Since(began); took != server.lastWords {
		t.Errorf("closing took %v", took)
	}
	if _, err := server.Write([]byte("x")); err == nil {
		t.Error("a closed connection took a write")
	}
}

func TestTLSClosesWhileRecordsWaitForAClient(t *testing.T) {
	synctest.Test(t, testCloseOfTLS)
}

func testCloseOfTLS(t *testing.T) {
	t.Helper()
	server, _, _ := pair(t)
	if _, err := server.Write(make([]byte, 100<<10)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait() // until they are being sent
	began := time.Now()
	_ = server.Conn.Close() // as http.Server.Close does
	if took := time.Since(began); took > 0 {
		t.Errorf("closing waits %s for a client that reads nothing", took)
	}
	_ = server.NetConn().Close()
}

func TestAWriteAfterABrokenConnectionFails(t *testing.T) {
	server, client, _ := pair(t)
	client.NetConn().Close()
	for range 1000 {
		if _, err := server.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
	t.Error("a connection that is broken takes everything")
}

func TestHTTP2ServesLargeAndManyAnswersAtOnce(t *testing.T) {
	body := bytes.Repeat([]byte("body"), 1<<18)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.TLS == nil {
			t.Errorf("protocol %s, TLS %v", r.Proto, r.TLS != nil)
		}
		_, _ = w.Write(body)
	}))
	server.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	if err := HTTP2(server.Config, &Conns{}); err != nil {
		t.Fatal(err)
	}
	server.EnableHTTP2 = true
	server.Listener = Listener{server.Listener}
	server.StartTLS()
	defer server.Close()
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() {
			response, err := server.Client().Get(server.URL)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			if got, err := io.ReadAll(response.Body); err != nil || !bytes.Equal(got, body) {
				t.Errorf("read %d bytes: %v", len(got), err)
			}
		})
	}
	asking.Wait()
}

func TestAClientThatTakesNothingIsCutOff(t *testing.T) {
	server, _, _ := pair(t)
	server.patience = 10 * time.Millisecond
	read := make(chan error, 1)
	go func() { _, err := server.Read(make([]byte, 1)); read <- err }()
	for range 1000 {
		if _, err := server.Write(make([]byte, 4096)); err != nil {
			if err := <-read; err == nil {
				t.Error("something was read")
			}
			return
		}
	}
	t.Error("a client that takes nothing is written to for ever")
}
