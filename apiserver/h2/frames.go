package h2

import (
	"errors"
	"math"
	"slices"
	"time"

	"golang.org/x/net/http2"
)

// bodyWindow is how much of a body, and of all bodies of a connection, may come before it is read.
const bodyWindow = 1 << 20

var errFlood = errors.New("the client reads nothing of what answers its frames")

// inflow is a window that the client has.
type inflow struct {
	left int64 // that it may send
	owed int64 // that was read, and that it was not told of
}

// settle counts what was read, and returns by how much to extend the window: seldom and then much.
func (w *inflow) settle(n int64) uint32 {
	w.owed += n
	if w.owed < bodyWindow/4 {
		return 0
	}
	more := w.owed
	w.left, w.owed = w.left+more, 0
	return uint32(more)
}

// recent are the last streams that were reset by us: what is still under way on them is no error.
type recent struct {
	ids  [32]uint32
	next int
}

func (r *recent) add(id uint32) {
	r.ids[r.next%len(r.ids)] = id
	r.next++
}

func (r *recent) has(id uint32) bool { return slices.Contains(r.ids[:], id) }

// greet says what the client may do.
func (c *conn) greet() {
	settings := []http2.Setting{
		{ID: http2.SettingMaxConcurrentStreams, Val: uint32(c.limit)},
		{ID: http2.SettingMaxHeaderListSize, Val: c.framer.MaxHeaderListSize},
		{ID: http2.SettingInitialWindowSize, Val: bodyWindow},
	}
	c.frameHead(6*len(settings), http2.FrameSettings, 0, 0)
	for _, s := range settings {
		*c.out = append(*c.out, byte(s.ID>>8), byte(s.ID))
		c.numbers(s.Val)
	}
	c.update(0, bodyWindow-startWindow)
}

func (c *conn) update(stream, more uint32) {
	if more == 0 {
		return
	}
	c.frameHead(4, http2.FrameWindowUpdate, 0, stream)
	c.numbers(more)
	c.checkFlood()
}

// checkFlood is called after what answers the client's own frames.
func (c *conn) checkFlood() {
	if c.out != nil && len(*c.out) > maxControl {
		c.fail(errFlood)
	}
}

// take does what a frame says.
func (c *conn) take(frame http2.Frame) error {
	if f, ok := frame.(*http2.MetaHeadersFrame); ok && c.settled {
		return c.takeHeaders(f)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := frame.(*http2.SettingsFrame); ok {
		return c.takeSettings(f)
	}
	if !c.settled {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	switch f := frame.(type) {
	case *http2.DataFrame:
		return c.takeData(f)
	case *http2.WindowUpdateFrame:
		return c.takeUpdate(f)
	case *http2.PingFrame:
		switch {
		case !f.IsAck():
			c.frameHead(len(f.Data), http2.FramePing, http2.FlagPingAck, 0)
			*c.out = append(*c.out, f.Data[:]...)
			c.checkFlood()
		case c.leaving != nil && f.Data == farewell:
			c.goAway(http2.ErrCodeNo)
		}
	case *http2.RSTStreamFrame:
		if c.isIdle(f.StreamID) {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		if st := c.streams[f.StreamID]; st != nil {
			st.lose(http2.StreamError{StreamID: f.StreamID, Code: f.ErrCode})
			c.remove(st)
		}
	case *http2.PriorityFrame:
		if f.StreamDep == f.StreamID {
			return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
		}
	case *http2.GoAwayFrame:
		c.goAway(http2.ErrCodeNo)
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return nil
}

// isIdle tells whether a stream was never opened.
func (c *conn) isIdle(id uint32) bool {
	return id%2 == 0 || id > c.lastID && !c.left && !c.taken.has(id)
}

func (c *conn) takeSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		if c.heard || !c.settled {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		c.heard = true
		return nil
	}
	if !c.settled && !c.left {
		_ = c.wire.SetReadDeadline(time.Time{}) // fails when it is closed
	}
	c.settled = true
	if err := f.ForeachSetting(c.takeSetting); err != nil {
		return err
	}
	c.frameHead(0, http2.FrameSettings, http2.FlagSettingsAck, 0)
	c.checkFlood()
	return nil
}

func (c *conn) takeSetting(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		c.encoder.SetMaxDynamicTableSize(min(s.Val, tableSize))
	case http2.SettingInitialWindowSize:
		more := int64(s.Val) - c.initial
		c.initial = int64(s.Val)
		for _, st := range c.streams {
			if st.window+more > math.MaxInt32 {
				return http2.ConnectionError(http2.ErrCodeFlowControl)
			}
			st.window += more
			st.credit()
		}
	}
	return nil
}

func (c *conn) takeUpdate(f *http2.WindowUpdateFrame) error {
	more := int64(f.Increment)
	if f.StreamID == 0 {
		if c.window+more > math.MaxInt32 {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		c.window += more
		return nil
	}
	if c.isIdle(f.StreamID) {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	st := c.streams[f.StreamID]
	if st == nil {
		return nil
	}
	if st.window+more > math.MaxInt32 {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	st.window += more
	st.credit()
	return nil
}

func (c *conn) takeData(f *http2.DataFrame) error {
	if c.isIdle(f.StreamID) {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	size := int64(f.Length) // with its padding
	if size > c.receive.left {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	c.receive.left -= size
	st := c.streams[f.StreamID]
	if st == nil || st.remoteEnded {
		c.update(0, c.receive.settle(size))
		if c.taken.has(f.StreamID) || f.StreamID > c.lastID {
			return nil
		}
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeStreamClosed}
	}
	return st.body.take(f.Data(), size, f.StreamEnded())
}

// reset ends a stream, if there is one. The mutex is held.
func (c *conn) reset(id uint32, code http2.ErrCode) {
	c.frameHead(4, http2.FrameRSTStream, 0, id)
	c.numbers(uint32(code))
	c.taken.add(id)
	if st := c.streams[id]; st != nil {
		st.lose(http2.StreamError{StreamID: id, Code: code})
		c.remove(st)
	}
	c.checkFlood()
}

// remove forgets a stream. Its handler may still run.
func (c *conn) remove(st *stream) {
	delete(c.streams, st.id)
	if len(c.streams) == 0 {
		c.quiet()
	}
}
