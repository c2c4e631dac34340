package h2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	headSize = 9
	// frameSize is that of the largest frames, which every client and server must take (RFC 9113, 4.2).
	frameSize = 16 << 10
	// tableSize is how much of headers either side remembers.
	tableSize = 4 << 10
	// startWindow is what may be sent before anything is agreed on.
	startWindow = 64<<10 - 1
	// maxWaiting is what may wait for a client before answers do.
	maxWaiting = 128 << 10
	// maxControl is what may wait with what answers its own frames: who sends many and reads nothing is cut off.
	maxControl = 512 << 10
	// rounds are how often a handler sends what others have put there while it was sending.
	rounds = 4
)

// sending is what of a connection is being sent. All is guarded by the connection's mutex, which flush gives up while it sends:
//
//	at rest -- flush -->                  active: what waits is sent, again and again
//	active  -- the kernel takes no more --> active, by a goroutine of its own that waits for it
//	active  -- nothing waits -->          at rest: no buffer, no goroutine
type sending struct {
	out     *[]byte   // frames that wait; nil when there are none
	active  bool      // somebody sends
	changed sync.Cond // what waited is being sent, or the connection fails
	window  int64     // of the client, for all streams
	initial int64     // window of new streams

	room     sync.Cond // a writer of data may have its turn
	waiting  int       // writers that wait for room
	turn     bool      // one of them was woken
	credited []*stream // got room while one waits for it, and are not woken yet

	block   bytes.Buffer // of headers
	encoder *hpack.Encoder
}

func (s *sending) init(mu *sync.Mutex) {
	s.changed.L, s.room.L = mu, mu
	s.window, s.initial = startWindow, startWindow
	s.encoder = hpack.NewEncoder(&s.block)
}

func (s *sending) buffer() *[]byte {
	if s.out == nil {
		s.out = buffers.Get().(*[]byte)
	}
	return s.out
}

// full tells whether answers must wait.
func (s *sending) full() bool { return s.out != nil && len(*s.out) >= maxWaiting }

// frameHead begins a frame.
func (s *sending) frameHead(length int, kind http2.FrameType, flags http2.Flags, stream uint32) {
	out := s.buffer()
	*out = append(*out, byte(length>>16), byte(length>>8), byte(length), byte(kind), byte(flags))
	*out = binary.BigEndian.AppendUint32(*out, stream)
}

func (s *sending) numbers(numbers ...uint32) {
	out := s.buffer()
	for _, n := range numbers {
		*out = binary.BigEndian.AppendUint32(*out, n)
	}
}

// headers are one block, whatever its size.
func (s *sending) headers(stream uint32, fields []hpack.HeaderField, end bool) {
	s.block.Reset()
	for _, f := range fields {
		_ = s.encoder.WriteField(f) // to memory
	}
	kind, flags := http2.FrameHeaders, http2.Flags(0)
	if end {
		flags = http2.FlagHeadersEndStream
	}
	for rest := s.block.Bytes(); ; {
		part := rest[:min(len(rest), frameSize)]
		if rest = rest[len(part):]; len(rest) == 0 {
			flags |= http2.FlagHeadersEndHeaders
		}
		s.frameHead(len(part), kind, flags, stream)
		*s.out = append(*s.out, part...)
		if len(rest) == 0 {
			return
		}
		kind, flags = http2.FrameContinuation, 0
	}
}

// grant gives the next writer its turn.
func (s *sending) grant() {
	if s.waiting > 0 && !s.turn && s.window > 0 && !s.full() {
		s.turn = true
		s.room.Signal()
	}
}

// wakeCredited wakes who may go on.
func (s *sending) wakeCredited() {
	for i, st := range s.credited {
		st.changed.Broadcast()
		s.credited[i] = nil
	}
	s.credited = s.credited[:0]
	s.grant()
}

func (s *sending) wakeAll() {
	s.room.Broadcast()
	s.changed.Broadcast()
}

// flush sends what waits, unless somebody does or nothing can be sent; then it returns false. It does not wait for the client.
func (c *conn) flush() bool {
	if c.active || c.out == nil || c.broken != nil {
		return false
	}
	c.active = true
	c.mu.Unlock()
	runtime.Gosched() // who is ready to write, writes first
	c.mu.Lock()
	for range rounds {
		if all := c.round(false); !all || !c.active {
			return true
		}
	}
	c.senders.Go(c.sendRest)
	return true
}

// round sends what waits now. It returns false if it is not all sent, and ends being active when there is nothing or an error.
func (c *conn) round(waiting bool) bool {
	out := c.out
	if out == nil || c.broken != nil {
		c.rest()
		return true
	}
	c.out = nil
	c.grant()
	c.changed.Broadcast()
	c.mu.Unlock()
	err := c.wire.seal(c.secured, *out)
	release(out)
	all := false
	switch {
	case err != nil:
	case waiting:
		all, err = true, c.persist()
	default:
		all, err = c.wire.send(false)
	}
	c.mu.Lock()
	if err != nil {
		c.fail(err)
		c.rest()
		return true
	}
	if !all {
		c.senders.Go(c.sendRest)
	}
	return all
}

func (c *conn) rest() {
	c.active = false
	c.changed.Broadcast()
}

// sendRest waits for the client, until nothing is left.
func (c *conn) sendRest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.active {
		c.mu.Unlock()
		err := c.persist()
		c.mu.Lock()
		if err != nil {
			c.fail(err)
		}
		c.round(true)
	}
}

// persist sends what is sealed, as long as the client takes something of it now and then.
func (c *conn) persist() error {
	for {
		total, unsent := c.wire.total, c.wire.unsent()
		c.allow(c.patience)
		_, err := c.wire.send(true)
		if err == nil {
			c.allow(0)
			return nil
		}
		taken := c.wire.total > total || c.wire.unsent() < unsent
		if !taken || !errors.Is(err, os.ErrDeadlineExceeded) || !c.allow(c.patience) {
			return err
		}
	}
}

// allow says how long sending may take, where 0 is for ever. It returns false for a connection that is cut off: that has lastWords.
func (c *conn) allow(span time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing && c.cut {
		return false
	}
	until := time.Time{}
	if span > 0 {
		until = time.Now().Add(span)
	}
	_ = c.wire.SetWriteDeadline(until) // fails when it is closed
	return true
}
