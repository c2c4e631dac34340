package h2

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer is a client that says what it likes.
type peer struct {
	*testing.T
	conn   *tls.Conn
	framer *http2.Framer
	method string
	sent   int  // requests
	deaf   bool // to pings
}

// dial connects, and says hello.
func dial(t *testing.T, server *httptest.Server, settings ...http2.Setting) *peer {
	t.Helper()
	below, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return hello(t, below, settings...)
}

func hello(t *testing.T, below net.Conn, settings ...http2.Setting) *peer {
	t.Helper()
	t.Cleanup(func() { below.Close() })
	conn := tls.Client(below, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	p := &peer{T: t, conn: conn, method: http.MethodGet, framer: http2.NewFramer(conn, conn)}
	p.framer.AllowIllegalWrites = true
	p.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.must(conn.Write([]byte(http2.ClientPreface)))
	p.check(p.framer.WriteSettings(settings...))
	return p
}

func (p *peer) must(_ int, err error) { p.Helper(); p.check(err) }

func (p *peer) check(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *peer) block(more ...[2]string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range append([][2]string{{":method", p.method}, {":scheme", "https"}, {":authority", "x"}, {":path", "/"}}, more...) {
		_ = encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1], Sensitive: true})
	}
	return block.Bytes()
}

// request asks; open has a body follow.
func (p *peer) request(id uint32, open bool, more ...[2]string) {
	p.Helper()
	p.sent++
	p.check(p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p.block(more...), EndHeaders: true, EndStream: !open}))
}

// large asks with more headers than anybody takes.
func (p *peer) large(id uint32) {
	p.Helper()
	p.sent++
	block := p.block([2]string{"a", strings.Repeat("a", 1000)})
	for range 1015 {
		block = append(block, p.block([2]string{"a", strings.Repeat("a", 1000)})[len(p.block()):]...)
	}
	for first := true; len(block) > 0; first = false {
		part := block[:min(len(block), 16<<10)]
		block = block[len(part):]
		if first {
			p.check(p.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: part, EndStream: true}))
		} else {
			p.check(p.framer.WriteContinuation(id, len(block) == 0, part))
		}
	}
}

// next is the next frame, in words; settings, and windows, are left out.
func (p *peer) next() string {
	p.Helper()
	for {
		frame, err := p.framer.ReadFrame()
		if err != nil {
			return fmt.Sprint("error ", err)
		}
		end := ""
		if frame.Header().Flags.Has(http2.FlagDataEndStream) {
			end = " END"
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				p.check(p.framer.WriteSettingsAck())
			}
		case *http2.WindowUpdateFrame:
		case *http2.MetaHeadersFrame:
			return fmt.Sprintf("HEADERS %d %s%s", f.StreamID, f.PseudoValue("status"), end)
		case *http2.DataFrame:
			return fmt.Sprintf("DATA %d %q%s", f.StreamID, f.Data(), end)
		case *http2.RSTStreamFrame:
			return fmt.Sprintf("RST_STREAM %d %s", f.StreamID, f.ErrCode)
		case *http2.GoAwayFrame:
			return fmt.Sprintf("GOAWAY %d %s", f.LastStreamID, f.ErrCode)
		case *http2.PingFrame:
			if !f.IsAck() && !p.deaf {
				p.check(p.framer.WritePing(true, f.Data))
				continue
			}
			return fmt.Sprintf("PING %s %t", f.Data, f.IsAck())
		default:
			return fmt.Sprint(frame)
		}
	}
}

func (p *peer) expect(want ...string) {
	p.Helper()
	for _, want := range want {
		if got := p.next(); got != want {
			p.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// expectSettings reads what the server says first, and confirms it.
func (p *peer) expectSettings() {
	p.Helper()
	for range 2 {
		frame, err := p.framer.ReadFrame()
		p.check(err)
		if f, ok := frame.(*http2.SettingsFrame); ok && !f.IsAck() {
			p.check(p.framer.WriteSettingsAck())
		}
	}
}
