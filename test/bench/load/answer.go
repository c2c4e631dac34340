package load

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/net/http2"
)

// await reads until an answer has ended.
func (x *exchange) await() (*stream, error) {
	for {
		frame, err := x.framer.ReadFrame()
		if err != nil {
			return nil, fmt.Errorf("reading a frame: %w", err)
		}
		if ended, err := x.handle(frame); ended != nil || err != nil {
			return ended, err
		}
	}
}

// handle returns the call whose answer ends with a frame, if one does.
func (x *exchange) handle(frame http2.Frame) (*stream, error) {
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		return x.head(f.StreamID, f.HeaderBlockFragment(), f.HeadersEnded(), f.StreamEnded())
	case *http2.ContinuationFrame:
		return x.head(f.StreamID, f.HeaderBlockFragment(), f.HeadersEnded(), false)
	case *http2.DataFrame:
		return x.data(f)
	case *http2.WindowUpdateFrame:
		return nil, x.credit(f)
	case *http2.SettingsFrame:
		return nil, x.settings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			return nil, x.framer.WritePing(true, f.Data)
		}
	case *http2.RSTStreamFrame:
		if s := x.streams[f.StreamID]; s != nil {
			return nil, fmt.Errorf("call %d was reset: %s", s.call, f.ErrCode)
		}
	case *http2.GoAwayFrame:
		return nil, fmt.Errorf("the server wants to close the connection: %s %s", f.ErrCode, f.DebugData())
	}
	return nil, nil
}

// head reads headers or a part of them.
func (x *exchange) head(id uint32, fragment []byte, whole, ending bool) (*stream, error) {
	if _, err := x.decoder.Write(fragment); err != nil {
		return nil, fmt.Errorf("reading headers: %w", err)
	}
	s := x.streams[id]
	if s != nil && ending {
		s.ending = true
	}
	if !whole {
		return nil, nil
	}
	if err := x.decoder.Close(); err != nil {
		return nil, fmt.Errorf("reading headers: %w", err)
	}
	status := x.status
	x.status = ""
	if s == nil {
		return nil, fmt.Errorf("headers of %d, which nobody waits for", id)
	}
	if status != "" { // which trailers have not
		code, err := strconv.Atoi(status)
		if err != nil {
			return nil, fmt.Errorf("reading the status of call %d: %w", s.call, err)
		}
		s.status = code
	}
	return x.ended(s), nil
}

// ended returns the call if its answer has.
func (x *exchange) ended(s *stream) *stream {
	if !s.ending {
		return nil
	}
	delete(x.streams, s.id)
	return s
}

// data throws a part of an answer away, unless it is an unwanted one, and allows the server to send more.
func (x *exchange) data(f *http2.DataFrame) (*stream, error) {
	s, size := x.streams[f.StreamID], int(f.Length)
	if s == nil {
		return nil, fmt.Errorf("data of %d, which nobody waits for", f.StreamID)
	}
	if s.status != s.wanted {
		s.told = append(s.told, f.Data()[:min(len(f.Data()), toldSize-len(s.told))]...)
	} else if s.take != nil {
		s.take(f.Data())
	}
	if x.received += size; x.received >= connectionWindow/2 {
		if err := x.framer.WriteWindowUpdate(0, uint32(x.received)); err != nil {
			return nil, err
		}
		x.received = 0
	}
	s.ending = f.StreamEnded()
	if s.received += size; s.received >= answerWindow/2 && !s.ending {
		if err := x.framer.WriteWindowUpdate(s.id, uint32(s.received)); err != nil {
			return nil, err
		}
		s.received = 0
	}
	return x.ended(s), nil
}

// credit has bodies sent that waited until the server took more.
func (x *exchange) credit(f *http2.WindowUpdateFrame) error {
	if f.StreamID == 0 {
		x.window += int(f.Increment)
		return x.pushAll()
	}
	if s := x.streams[f.StreamID]; s != nil {
		s.window += int(f.Increment)
		return x.push(s)
	}
	return nil
}

func (x *exchange) pushAll() error {
	for _, s := range x.streams {
		if err := x.push(s); err != nil {
			return err
		}
	}
	return nil
}

// settings notes what the server takes.
func (x *exchange) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if err := f.ForeachSetting(func(s http2.Setting) error {
		switch s.ID {
		case http2.SettingMaxConcurrentStreams:
			x.maxStreams = int(s.Val)
		case http2.SettingMaxFrameSize:
			x.frame = int(s.Val)
		case http2.SettingInitialWindowSize:
			for _, open := range x.streams {
				open.window += int(s.Val) - x.callWindow
			}
			x.callWindow = int(s.Val)
		case http2.SettingHeaderTableSize:
			if x.agreed {
				return errors.New("the server changes its table of headers while it serves")
			}
			x.remembers = s.Val >= tableSize
			x.headers.SetMaxDynamicTableSizeLimit(s.Val)
		}
		return s.Valid()
	}); err != nil {
		return err
	}
	x.agreed = true
	if err := x.framer.WriteSettingsAck(); err != nil {
		return err
	}
	return x.pushAll()
}
