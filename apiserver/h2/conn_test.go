package h2

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
)

// serveOurs starts a server, and tells which it is.
func serveOurs(t testing.TB, handler http.HandlerFunc, change func(*http.Server)) (*httptest.Server, *Server) {
	t.Helper()
	ours := &Server{}
	server := httptest.NewUnstartedServer(handler)
	ours.Attach(server.Config)
	server.EnableHTTP2, server.Listener = true, Listener{server.Listener}
	if change != nil {
		change(server.Config)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, ours
}

func TestPings(t *testing.T) {
	onBoth(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, server *httptest.Server) {
		p := dial(t, server)
		p.check(p.framer.WritePing(false, [8]byte{'1', '2', '3', '4', '5', '6', '7', '8'}))
		p.expect("PING 12345678 true")
	})
}

// What the client's window has no room for waits, also when the window changes under way.
func TestWindows(t *testing.T) {
	handler := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "123456789") }
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		p := dial(t, server, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 4})
		p.request(1, false)
		p.expect("HEADERS 1 200", `DATA 1 "1234"`)
		p.check(p.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 2}))
		p.check(p.framer.WriteWindowUpdate(1, 3)) // one in all
		p.expect(`DATA 1 "5"`)
		p.check(p.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100}))
		p.expect(`DATA 1 "6789" END`)
	})
}

// Streams share what the connection has room for, and a small answer does not wait behind a large one that nobody reads.
func TestTurns(t *testing.T) {
	const size, streams = 300 << 10, 5
	server, _ := serveOurs(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Small") == "" {
			_, _ = w.Write(make([]byte, size))
		}
	}, nil)
	p := dial(t, server, http2.Setting{ID: http2.SettingInitialWindowSize, Val: size})
	for i := range uint32(streams) {
		p.request(1+2*i, false)
	}
	p.request(101, false, [2]string{"small", "1"})
	got := map[uint32]int{}
	small, ended, room := false, 0, startWindow
	for ended < streams || !small {
		frame, err := p.framer.ReadFrame()
		p.check(err)
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			small = small || f.StreamID == 101
		case *http2.DataFrame:
			got[f.StreamID] += len(f.Data())
			if f.StreamEnded() {
				ended++
			}
			if room -= len(f.Data()); room == 0 {
				room = 32 << 10
				p.check(p.framer.WriteWindowUpdate(0, uint32(room)))
			}
		}
	}
	for i := range uint32(streams) {
		if got[1+2*i] != size {
			t.Errorf("stream %d has %d bytes", 1+2*i, got[1+2*i])
		}
	}
}

func TestGoAwayAtShutdown(t *testing.T) {
	begun, goOn := make(chan struct{}, 2), make(chan struct{})
	server, ours := serveOurs(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-goOn
		fmt.Fprint(w, "whole")
	}, nil)
	p := dial(t, server)
	p.deaf = true
	p.request(1, false)
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- server.Config.Shutdown(t.Context()) }()
	p.expect("GOAWAY 2147483647 NO_ERROR", "PING farewell false")
	p.request(3, false) // was under way
	p.check(p.framer.WritePing(true, farewell))
	p.expect("GOAWAY 3 NO_ERROR")
	p.request(5, false) // is not taken any more
	<-begun
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ours.Finish(over); !errors.Is(err, context.Canceled) {
		t.Errorf("what is being answered is not waited for: %v", err)
	}
	goOn <- struct{}{}
	goOn <- struct{}{}
	got := []string{p.next(), p.next(), p.next(), p.next()}
	slices.Sort(got)
	if diff := cmp.Diff([]string{`DATA 1 "whole" END`, `DATA 3 "whole" END`, "HEADERS 1 200", "HEADERS 3 200"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	p.conn.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := ours.Finish(t.Context()); err != nil {
		t.Error(err)
	}
}

// Whatever a client sends while the server begins to leave, it knows what was taken, and that is answered.
func TestNoRequestIsLostAtShutdown(t *testing.T) {
	for range 20 {
		server, ours := serveOurs(t, func(http.ResponseWriter, *http.Request) {}, nil)
		p := dial(t, server)
		p.request(1, false)
		p.expect("HEADERS 1 200 END")
		go func() {
			ours.farewell()
			_ = ours.Finish(t.Context())
		}()
		block, asking := p.block(), http2.NewFramer(p.conn, nil)
		go func() {
			for id := uint32(3); id < 200; id += 2 {
				if asking.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndHeaders: true, EndStream: true}) != nil {
					return // the server is gone
				}
			}
		}()
		answered, last := 1, math.MaxInt32
		for answered < (last+1)/2 {
			got := p.next()
			if strings.HasPrefix(got, "error") {
				t.Fatalf("%d requests were answered of those up to %d: %s", answered, last, got)
			}
			if strings.HasPrefix(got, "HEADERS") {
				answered++
			}
			_, _ = fmt.Sscanf(got, "GOAWAY %d", &last)
		}
		p.conn.Close()
	}
}

func TestConnectionClose(t *testing.T) {
	handler := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		p := dial(t, server)
		p.request(1, false)
		got := []string{p.next(), p.next()}
		if !strings.HasPrefix(got[1], "GOAWAY") && !strings.HasPrefix(got[0], "GOAWAY") {
			t.Errorf("got %q", got)
		}
	})
}

func TestIdleConnectionsEnd(t *testing.T) {
	server, _ := serveOurs(t, func(http.ResponseWriter, *http.Request) {}, func(s *http.Server) { s.IdleTimeout = 20 * time.Millisecond })
	p := dial(t, server)
	p.expect("GOAWAY 2147483647 NO_ERROR", "GOAWAY 0 NO_ERROR")
	if got := p.next(); !strings.HasPrefix(got, "error ") {
		t.Errorf("then %s", got)
	}
}

// CVE-2023-44487: requests that are taken back as soon as they are sent do not pile up.
func TestRapidReset(t *testing.T) {
	var now, most atomic.Int64
	release := make(chan struct{})
	server, _ := serveOurs(t, func(http.ResponseWriter, *http.Request) {
		for n := now.Add(1); ; {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		<-release // a handler that does not notice
		now.Add(-1)
	}, func(s *http.Server) { s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 10} })
	defer close(release)
	p := dial(t, server)
	for id := uint32(1); id < 200; id += 2 {
		if p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block(), EndStream: true, EndHeaders: true}) != nil ||
			p.framer.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // the server has had enough
		}
	}
	if got := p.next(); !strings.HasSuffix(got, "ENHANCE_YOUR_CALM") {
		t.Errorf("got %s", got)
	}
	if got := most.Load(); got > 10 {
		t.Errorf("%d handlers ran at a time", got)
	}
}

// What came of bodies that no handler ever had does not count against the connection for ever.
func TestWindowsOfRequestsThatNeverRan(t *testing.T) {
	release := make(chan struct{}, 1)
	server, _ := serveOurs(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			<-release
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}, func(s *http.Server) { s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1} })
	p := dial(t, server)
	p.request(1, false)
	p.check(p.framer.WriteRSTStream(1, http2.ErrCodeCancel)) // its handler goes on
	p.method = http.MethodPost
	part := make([]byte, frameSize)
	for id := uint32(3); id < 7; id += 2 {
		p.request(id, true)
		for range bodyWindow / 2 / frameSize {
			p.check(p.framer.WriteData(id, false, part))
		}
		p.check(p.framer.WriteRSTStream(id, http2.ErrCodeCancel))
	}
	p.check(p.framer.WritePing(false, [8]byte{}))
	if got := p.next(); !strings.HasPrefix(got, "PING") {
		t.Fatal(got)
	}
	release <- struct{}{}
	p.method = http.MethodPost
	p.request(7, true)
	for room := uint32(0); room < frameSize; {
		frame, err := p.framer.ReadFrame()
		p.check(err)
		if f, ok := frame.(*http2.WindowUpdateFrame); ok && f.StreamID == 0 {
			room += f.Increment
		}
	}
	p.check(p.framer.WriteData(7, true, part))
	p.expect("HEADERS 7 200 END")
}

// A request has one length at most, and that is a number.
func TestLengthsThatAreNone(t *testing.T) {
	server, _ := serveOurs(t, func(http.ResponseWriter, *http.Request) {}, nil)
	p := dial(t, server)
	length := func(values ...string) (fields [][2]string) {
		for _, value := range values {
			fields = append(fields, [2]string{"content-length", value})
		}
		return fields
	}
	for i, values := range [][]string{{"-1"}, {"x"}, {""}, {"4, 4"}, {"4", "5"}} {
		id := 2*uint32(i) + 1
		p.request(id, true, length(values...)...)
		p.expect(fmt.Sprintf("RST_STREAM %d PROTOCOL_ERROR", id))
	}
	p.request(101, true, length("4", "4")...)
	p.check(p.framer.WriteData(101, true, []byte("body")))
	p.expect("HEADERS 101 200 END")
}

// After a deadline nothing more is sent of an answer, of which some may be under way: not even to who sets another one.
func TestDeadlinesAreFinal(t *testing.T) {
	ended := make(chan error, 1)
	server, _ := serveOurs(t, func(w http.ResponseWriter, _ *http.Request) {
		client := http.NewResponseController(w)
		fmt.Fprint(w, "1234")
		_ = client.Flush()
		_ = client.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		for err := error(nil); err == nil; {
			_, err = w.Write([]byte("123456789"))
			err = errors.Join(err, client.Flush())
		}
		_ = client.SetWriteDeadline(time.Time{})
		_, err := w.Write([]byte("more"))
		ended <- errors.Join(err, client.Flush())
	}, nil)
	p := dial(t, server, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 4})
	p.request(1, false)
	p.expect("HEADERS 1 200", `DATA 1 "1234"`, "RST_STREAM 1 INTERNAL_ERROR")
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
}

func TestTooManyStreamsAreRefused(t *testing.T) {
	release := make(chan struct{})
	server, _ := serveOurs(t, func(http.ResponseWriter, *http.Request) { <-release }, func(s *http.Server) { s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1} })
	p := dial(t, server)
	p.request(1, false)
	p.request(3, false)
	p.expect("RST_STREAM 3 REFUSED_STREAM")
	close(release)
	p.expect("HEADERS 1 200 END")
}

// Who floods with frames that are answered, and reads no answer, is cut off. What a client that reads nothing may take is bounded, and
// who writes to it is freed.
func TestFloods(t *testing.T) {
	freed := make(chan error, 1)
	server, _ := serveOurs(t, func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.Copy(w, zeros{})
		freed <- err
	}, nil)
	for name, flood := range map[string]func(p *peer) error{
		"pings":    func(p *peer) error { return p.framer.WritePing(false, [8]byte{}) },
		"settings": func(p *peer) error { return p.framer.WriteSettings() },
		"resets": func(p *peer) error {
			p.sent++
			return p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*uint32(p.sent) + 1, BlockFragment: []byte{0x82}, EndHeaders: true, EndStream: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, server)
			p.request(1, false)
			p.check(p.framer.WriteWindowUpdate(0, 1<<30))
			p.check(p.framer.WriteWindowUpdate(1, 1<<30))
			for flood(p) == nil {
			}
			if err := <-freed; err == nil {
				t.Error("all was written")
			}
		})
	}
}

func TestBrokenConnections(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	server, ours := serveOurs(t, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		_, err := io.ReadAll(r.Body)
		ended <- err
	}, nil)
	p := dial(t, server)
	p.request(1, true)
	<-begun
	p.conn.NetConn().Close()
	if err := <-ended; err == nil {
		t.Error("the body is whole")
	}
	server.Close() // waits for the connection
	if len(ours.open) > 0 || len(ours.crew.idle) > 0 {
		t.Errorf("%d connections and %d goroutines are left", len(ours.open), len(ours.crew.idle))
	}
}

// FuzzFrames sends anything: the server goes on.
func FuzzFrames(f *testing.F) {
	var start bytes.Buffer
	framer := http2.NewFramer(&start, nil)
	_ = framer.WriteSettings()
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82, 0x84, 0x87, 0x41, 1, 'x'}, EndHeaders: true})
	_ = framer.WriteData(1, false, []byte("body"))
	_ = framer.WriteWindowUpdate(1, 10)
	_ = framer.WriteRSTStream(1, http2.ErrCodeCancel)
	_ = framer.WritePing(false, [8]byte{})
	_ = framer.WriteGoAway(0, http2.ErrCodeNo, nil)
	f.Add(start.Bytes())
	f.Add([]byte{})
	// One server for all: making one costs a hundred times what sending costs, and so does a handshake of its own.
	server, _ := serveOurs(f, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }, nil)
	known := tls.NewLRUClientSessionCache(1)
	f.Fuzz(func(t *testing.T, frames []byte) {
		below, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer below.Close()
		conn := tls.Client(below, &tls.Config{InsecureSkipVerify: true, ServerName: "fuzz", NextProtos: []string{"h2"}, ClientSessionCache: known, CurvePreferences: []tls.CurveID{tls.X25519}})
		if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(slices.Concat([]byte(http2.ClientPreface), []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}, frames)) // the server may have had enough
		_ = conn.CloseWrite()
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the server neither answers nor ends")
		}
	})
}
