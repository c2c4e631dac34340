package load

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	// What HTTP/2 begins with, until the other side says otherwise.
	firstWindow, firstFrame, tableSize = 65535, 16384, 4096
	// answerWindow is how much of an answer, and connectionWindow how much of all of them, the server may send unasked, as Go's own client allows.
	answerWindow, connectionWindow = 4 << 20, 1 << 30
	// toldSize is how much of an unwanted answer an error shows.
	toldSize = 1024
)

// exchange is the client's side of a connection of HTTP/2. Nothing is sent before somebody waits for an answer, and then all at once.
type exchange struct {
	conn    net.Conn
	framer  *http2.Framer
	out     bytes.Buffer
	block   bytes.Buffer // of headers, that is being written
	headers *hpack.Encoder
	decoder *hpack.Decoder
	status  string // that the decoder has read
	streams map[uint32]*stream
	lastID  uint32
	// What the server takes: of a frame, of the body of a call, of all bodies together, and calls.
	frame, callWindow, window, maxStreams int
	// remembers is whether it has the usual table of headers.
	remembers bool
	agreed    bool // it has said what it takes
	received  int  // of answers since the server was last allowed to send more
}

// stream is a call under way.
type stream struct {
	id     uint32
	call   int
	wanted int
	status int
	since  time.Time
	left   []byte // of the body, to be sent
	window int    // how much of it the server takes
	// ending is whether no data follows, received as of the connection, told the beginning of an unwanted answer.
	ending   bool
	received int
	told     []byte
	// take is given the wanted answer; nil for nobody.
	take func(data []byte)
}

func newExchange(conn net.Conn) exchange {
	return exchange{conn: conn, streams: map[uint32]*stream{}, lastID: ^uint32(0),
		frame: firstFrame, callWindow: firstWindow, window: firstWindow, maxStreams: 1 << 30, remembers: true}
}

// open says what this side takes and waits until the server has said what it takes.
func (x *exchange) open() error {
	x.framer = http2.NewFramer(&x.out, bufio.NewReaderSize(sendsFirst{x}, 64<<10))
	x.framer.SetReuseFrames()
	x.headers = hpack.NewEncoder(&x.block)
	x.decoder = hpack.NewDecoder(tableSize, func(f hpack.HeaderField) {
		if f.Name == ":status" {
			x.status = f.Value
		}
	})
	x.out.WriteString(http2.ClientPreface)
	if err := x.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: answerWindow}); err != nil {
		return err
	}
	if err := x.framer.WriteWindowUpdate(0, connectionWindow-firstWindow); err != nil {
		return err
	}
	for !x.agreed {
		frame, err := x.framer.ReadFrame()
		if err != nil {
			return err
		}
		if _, err := x.handle(frame); err != nil {
			return err
		}
	}
	return nil
}

// sendsFirst reads from the connection when all that waits to be sent has been.
type sendsFirst struct{ *exchange }

func (x sendsFirst) Read(p []byte) (int, error) {
	if err := x.flush(); err != nil {
		return 0, err
	}
	return x.conn.Read(p)
}

func (x *exchange) flush() error {
	if x.out.Len() == 0 {
		return nil
	}
	_, err := x.conn.Write(x.out.Bytes())
	x.out.Reset()
	return err
}

// indexed are headers, names and values in turn, that the server is to remember; what it remembers already is told by its index.
func (x *exchange) indexed(headers ...string) []byte {
	x.block.Reset()
	for i := 0; i < len(headers); i += 2 {
		_ = x.headers.WriteField(hpack.HeaderField{Name: headers[i], Value: headers[i+1], Sensitive: !x.remembers}) // to memory
	}
	return bytes.Clone(x.block.Bytes())
}

// literal adds a header that the server is not to remember.
func (x *exchange) literal(name, value string) {
	_ = x.headers.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: true}) // to memory
}

// send begins a call with the headers of the block.
func (x *exchange) send(s *stream) error {
	x.lastID += 2
	s.id, s.window = x.lastID, x.callWindow
	x.streams[s.id] = s
	if x.block.Len() > x.frame {
		return fmt.Errorf("%d bytes of headers do not fit a frame", x.block.Len())
	}
	if err := x.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: x.block.Bytes(), EndHeaders: true, EndStream: len(s.left) == 0}); err != nil {
		return err
	}
	if err := x.push(s); err != nil {
		return err
	}
	s.left = bytes.Clone(s.left) // what waits must not be overwritten by the next call's
	return nil
}

// push sends as much of a body as the server takes.
func (x *exchange) push(s *stream) error {
	for len(s.left) > 0 {
		size := min(len(s.left), x.frame, s.window, x.window)
		if size <= 0 {
			return nil
		}
		if err := x.framer.WriteData(s.id, size == len(s.left), s.left[:size]); err != nil {
			return err
		}
		s.left = s.left[size:]
		s.window -= size
		x.window -= size
	}
	return nil
}
