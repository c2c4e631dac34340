package h2

import (
	"context"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// stream is a request and its answer. What changes is guarded by the connection's mutex.
type stream struct {
	conn    *conn
	id      uint32
	ctx     context.Context // of the request
	cancel  context.CancelFunc
	request *http.Request
	answer  response // of the handler
	body    body

	changed      sync.Cond // for who waits: for a body, or for room in the client's window
	window       int64     // of the client
	short        bool      // somebody waits for it
	remoteEnded  bool      // the client has sent all
	lost         error     // why neither side will say more
	readBy       time.Time // deadlines of the handler
	writeBy      time.Time
	trailer      http.Header // what came behind the body
	wantContinue bool        // the client waits for leave to send the body
}

// start has the handler run when it is its turn. The mutex is held.
func (c *conn) start(st *stream) error {
	if st.lost != nil {
		return nil
	}
	if c.running >= c.limit {
		if len(c.queue) >= 4*c.limit { // CVE-2023-44487: taken back at once, again and again
			return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
		}
		c.queue = append(c.queue, st)
		return nil
	}
	c.run(st)
	return nil
}

func (c *conn) run(st *stream) {
	c.running++
	c.handlers.Add(1)
	c.owner.crew.run(st)
}

// ended lets the next handler run.
func (c *conn) ended() {
	c.running--
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue[0] = nil
		c.queue = c.queue[1:]
		if next.lost == nil {
			c.run(next)
			return
		}
		c.update(0, next.body.close())
	}
	c.queue = nil
}

// serve runs the handler.
func (st *stream) serve() {
	defer st.conn.handlers.Done()
	whole := false
	defer func() {
		if problem := recover(); problem != nil && problem != http.ErrAbortHandler {
			logf(st.conn.server, "h2: panic serving %s: %v\n%s", st.conn.remote, problem, debug.Stack())
		}
		st.finish(whole)
	}()
	if st.answer.refusal != nil {
		st.answer.refusal.serve(&st.answer)
	} else {
		st.conn.handler.ServeHTTP(&st.answer, st.request)
	}
	whole = true
}

// finish ends the stream after its handler; whole tells whether that returned.
func (st *stream) finish(whole bool) {
	defer st.cancel()
	c := st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := whole && st.answer.end() == nil
	st.answer.over = true
	c.update(0, st.body.close())
	switch {
	case st.lost != nil || c.broken != nil:
	case !sent:
		c.reset(st.id, http2.ErrCodeInternal)
	case !st.remoteEnded:
		c.reset(st.id, http2.ErrCodeNo) // the rest of the body is not needed (RFC 9113, 8.1)
	default:
		c.remove(st)
	}
	c.ended()
	c.flush()
}

// lose ends what the handler waits for. The mutex is held.
func (st *stream) lose(err error) {
	if st.lost != nil {
		return
	}
	st.lost = err
	st.body.fail(err)
	st.wake()
	st.cancel()
}

// wake has who waits look again.
func (st *stream) wake() {
	st.changed.Broadcast()
	if st.conn.waiting > 0 {
		st.conn.room.Broadcast()
	}
	if st.conn.full() {
		st.conn.changed.Broadcast()
	}
}

// credit is called when there is room in the client's window; who waits for it is woken when all is read that is there.
func (st *stream) credit() {
	if st.short && st.window > 0 {
		st.short = false
		st.conn.credited = append(st.conn.credited, st)
	}
}

// pause waits for a change, or a deadline. The mutex is held.
func (st *stream) pause(changed *sync.Cond, deadline time.Time) {
	if !deadline.IsZero() {
		timer := time.AfterFunc(time.Until(deadline), func() {
			st.conn.mu.Lock()
			defer st.conn.mu.Unlock()
			changed.Broadcast()
		})
		defer timer.Stop()
	}
	changed.Wait()
}

// isOver tells whether a deadline is.
func isOver(deadline time.Time) bool { return !deadline.IsZero() && time.Until(deadline) <= 0 }

// unable tells why the stream can send nothing any more.
func (st *stream) unable() error {
	switch {
	case st.conn.broken != nil:
		return st.conn.broken
	case st.lost != nil:
		return st.lost
	case isOver(st.writeBy):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// await returns how much of want may be sent now: something, unless nothing is wanted. It waits until then; the mutex is held, and given up
// meanwhile. Writers of data have turns. Who has called it, grants the next one's.
func (st *stream) await(want int) (int, error) {
	c, mine := st.conn, false
	for {
		if err := st.unable(); err != nil {
			if mine {
				c.grant()
			}
			if st.lost == nil && c.broken == nil { // the deadline: half of what was written may be sent
				st.lose(err)
				c.reset(st.id, http2.ErrCodeInternal)
			}
			return 0, err
		}
		switch {
		case want == 0 && !c.full():
			return 0, nil
		case want > 0 && st.window > 0 && c.window > 0 && !c.full() && (mine || c.waiting == 0):
			return int(min(int64(want), frameSize, st.window, c.window)), nil
		case c.flush():
		case want == 0:
			st.pause(&c.changed, st.writeBy)
		case st.window <= 0:
			if mine {
				mine = false
				c.grant()
			}
			st.short = true
			st.pause(&st.changed, st.writeBy)
		default:
			mine = st.queue()
		}
	}
}

// queue waits for the turn of the stream.
func (st *stream) queue() (mine bool) {
	c := st.conn
	c.waiting++
	for !c.turn && st.unable() == nil {
		st.pause(&c.room, st.writeBy)
	}
	c.waiting--
	mine = c.turn
	c.turn = false
	return mine
}

// send puts data into frames.
func (st *stream) send(data []byte, end bool) error {
	c := st.conn
	for {
		n, err := st.await(len(data))
		if err != nil {
			return err
		}
		part := data[:n]
		data = data[n:]
		flags := http2.Flags(0)
		if end && len(data) == 0 {
			flags = http2.FlagDataEndStream
		}
		c.frameHead(n, http2.FrameData, flags, st.id)
		*c.out = append(*c.out, part...)
		st.window -= int64(n)
		c.window -= int64(n)
		c.grant()
		if len(data) == 0 {
			return nil
		}
	}
}
